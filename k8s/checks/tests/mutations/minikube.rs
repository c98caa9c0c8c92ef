//! What is broken in minikube's overlay, and in what it can be joined with.

use super::mutation::Change::{Drop, Join, Last, Remove, Replace, Set};
use super::mutation::{Mutation, on};
use serde_json::{Value, json};

const CONTAINER: &str = "/spec/template/spec/containers/0";

/// All of them.
pub(crate) fn mutations() -> Vec<Mutation> {
    let minikube = |check, object, change| on(check, "minikube", object, change);
    let keda = |check, object, change| on(check, "minikube-mailpit-keda", object, change);
    let whole_app = |check, object, change| on(check, "minikube-whole-app", object, change);
    let container = |field: &str| -> &'static str { Box::leak(format!("{CONTAINER}{field}").into_boxed_str()) };
    let policy = |spec: Value| {
        let metadata =
            json!({ "name": "new", "namespace": "concierge", "labels": { "app.kubernetes.io/part-of": "concierge" } });
        Join(
            json!({ "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec }),
        )
    };
    let app = |name: &str| json!({ "matchLabels": { "core.spinkube.dev/app-name": name } });
    vec![
        minikube("types", "SpinApp/users-ms", Set("/spec/securityContext", json!({}))),
        minikube("types", "SpinApp/users-ms", Set("/spec/checks/liveness/httpGet/port", json!(80))),
        minikube("types", "SpinApp/users-ms", Remove("/spec/checks/liveness/httpGet")),
        minikube("types", "SpinApp/users-ms", Remove("/spec/image")),
        minikube("types", "SpinAppExecutor/", Set("/spec/deploymentConfig/runtimeClass", json!("x"))),
        minikube("types", "Deployment/redis", Set("/spec/template/spec/container", json!([]))),
        minikube("types", "Deployment/redis", Set(container("/imagePullPolice"), json!("Always"))),
        minikube("types", "Deployment/redis", Set(container("/resources/requests/cpu"), json!(1))),
        minikube("types", "HorizontalPodAutoscaler/users-ms", Set("/spec/minReplicas", json!("2"))),
        minikube("types", "NetworkPolicy/redis", Set("/spec/ingress/0/from/0/podselector", json!({}))),
        minikube("types", "Service/redis", Set("/apiVersion", json!("v2"))),
        keda("types", "ScaledObject/", Set("/spec/maxReplicas", json!(9))),
        keda("types", "TriggerAuthentication/", Set("/spec/secretTargetRef/0/secret", json!("x"))),
        minikube("names", "Service/redis", Set("/metadata/namespace", json!("default"))),
        minikube("names", "Service/redis", Remove("/metadata/labels/app.kubernetes.io~1part-of")),
        minikube("names", "Service/redis", Set("/metadata/name", json!("users-db-cluster-ip-service"))),
        minikube(
            "selectors",
            "Service/users-ms",
            Set("/spec/selector", json!({ "app.kubernetes.io/name": "users-ms" })),
        ),
        minikube("selectors", "Service/users-ms", Set("/spec/ports/0/targetPort", json!(8080))),
        minikube("selectors", "Service/redis", Set("/spec/ports/0/targetPort", json!("redis-port"))),
        minikube("selectors", "Deployment/redis", Set("/spec/selector/matchLabels/tier", json!("data"))),
        minikube(
            "selectors",
            "NetworkPolicy/auth-ms",
            Set("/spec/podSelector/matchLabels", json!({ "app": "auth-ms" })),
        ),
        minikube(
            "selectors",
            "NetworkPolicy/redis",
            Set("/spec/ingress/0/from/0/podSelector/matchExpressions/0/values/0", json!("user-ms")),
        ),
        minikube(
            "budgets",
            "PodDisruptionBudget/users-ms",
            Set("/spec/selector/matchLabels", json!({ "app": "users-ms" })),
        ),
        minikube("budgets", "PodDisruptionBudget/users-ms", Set("/spec/selector", json!({}))),
        minikube("budgets", "PodDisruptionBudget/users-ms", Set("/spec/minAvailable", json!(1))),
        minikube("budgets", "PodDisruptionBudget/users-ms", Drop),
        minikube("scaling", "HorizontalPodAutoscaler/users-ms", Set("/spec/scaleTargetRef/name", json!("users"))),
        minikube("scaling", "HorizontalPodAutoscaler/users-ms", Set("/spec/scaleTargetRef/kind", json!("SpinApp"))),
        minikube("scaling", "HorizontalPodAutoscaler/users-ms", Set("/spec/maxReplicas", json!(2))),
        minikube("scaling", "SpinApp/users-ms", Remove("/spec/resources/requests/cpu")),
        minikube("scaling", "SpinApp/users-ms", Remove("/spec/enableAutoscaling")),
        keda("scaling", "ScaledObject/", Set("/spec/scaleTargetRef/kind", json!("SpinApp"))),
        minikube("replicas", "SpinApp/users-ms", Set("/spec/replicas", json!(2))),
        minikube("replicas", "SpinApp/notification-ms", Remove("/spec/replicas")),
        minikube("replicas", "SpinApp/notification-ms", Set("/spec/replicas", json!(0))),
        minikube("replicas", "HorizontalPodAutoscaler/users-ms", Drop),
        keda("replicas", "ScaledObject/", Drop),
        minikube("executor", "SpinApp/users-ms", Remove("/spec/executor")),
        minikube("executor", "SpinApp/users-ms", Set("/spec/executor", json!("spin"))),
        minikube("executor", "SpinAppExecutor/", Drop),
        minikube("executor", "SpinAppExecutor/", Set("/spec/deploymentConfig/spinImage", json!("spin:3.6"))),
        minikube("executor", "SpinAppExecutor/", Set("/spec/createDeployment", json!(false))),
        minikube("components", "SpinApp/users-ms", Remove("/spec/components")),
        minikube("components", "SpinApp/users-ms", Set("/spec/components/0", json!("user"))),
        minikube("components", "SpinApp/docs-ms", Set("/spec/components/0", json!("auth"))),
        minikube("components", "SpinApp/auth-ms", Drop),
        minikube("order", "SpinAppExecutor/", Last),
        minikube("order", "NetworkPolicy/default-deny", Last),
        minikube("order", "Namespace/", Last),
        minikube("images", "Deployment/redis", Set(container("/image"), json!("redis:latest"))),
        minikube("images", "Deployment/redis", Set(container("/image"), json!("localhost:5000/redis"))),
        minikube("images", "SpinApp/users-ms", Set("/spec/image", json!("localhost:5000/concierge"))),
        minikube("references", "SpinApp/users-ms", Set("/spec/variables/0/valueFrom/configMapKeyRef/key", json!("db"))),
        minikube(
            "references",
            "SpinApp/users-ms",
            Set(
                "/spec/runtimeConfig/keyValueStores/0/options/0/valueFrom/secretKeyRef/name",
                json!("concierge-secrets"),
            ),
        ),
        minikube("references", "SpinApp/users-ms", Set("/spec/serviceAccountName", json!("users"))),
        minikube("references", "Secret/concierge-secrets", Remove("/data/auth_credential")),
        minikube("references", "PersistentVolumeClaim/redis", Drop),
        minikube("references", "ConfigMap/redis-config", Drop),
        minikube("references", "Deployment/redis", Set(container("/volumeMounts/0/name"), json!("database"))),
        keda("references", "TriggerAuthentication/", Set("/spec/secretTargetRef/0/key", json!("password"))),
        minikube("variables", "SpinApp/docs-ms", Remove("/spec/variables/0")),
        minikube("variables", "SpinApp/users-ms", Set("/spec/variables/0/name", json!("db_address"))),
        minikube("variables", "SpinApp/users-ms", Set("/spec/variables/0/value", json!("both"))),
        minikube(
            "settings",
            "SpinApp/auth-ms",
            Set("/spec/variables/2/valueFrom/configMapKeyRef/key", json!("db_name")),
        ),
        minikube("settings", "SpinApp/auth-ms", Remove("/spec/variables/2")),
        minikube("settings", "ConfigMap/concierge-config", Set("/data/spare", json!("x"))),
        minikube(
            "secrecy",
            "SpinApp/docs-ms",
            Set(
                "/spec/variables/1",
                json!({ "name": "db_password", "valueFrom": { "secretKeyRef": { "name": "concierge-secrets", "key": "db_password" } } }),
            ),
        ),
        minikube("secrecy", "SpinApp/docs-ms", Set("/spec/components/0", json!("users"))),
        minikube("service-links", "SpinApp/users-ms", Set("/spec/variables/0/name", json!("hostname"))),
        minikube(
            "service-links",
            "SpinApp/users-ms",
            Set("/spec/variables/0/name", json!("redis_cluster_ip_service_port")),
        ),
        minikube("service-links", "SpinApp/users-ms", Set("/spec/variables/0/name", json!("auth_ms_service_host"))),
        minikube("network", "NetworkPolicy/default-deny", Drop),
        minikube("network", "NetworkPolicy/default-deny", Set("/spec/policyTypes", json!(["Ingress"]))),
        minikube("network", "NetworkPolicy/dns", Drop),
        minikube("network", "NetworkPolicy/dns", Remove("/spec/egress/0/ports/1")),
        minikube("network", "NetworkPolicy/users-ms", Drop),
        minikube("network", "NetworkPolicy/users-ms", Remove("/spec/egress/0")),
        minikube("network", "NetworkPolicy/users-ms", Remove("/spec/ingress/0/from/1")),
        minikube("network", "NetworkPolicy/users-ms", Set("/spec/egress/2", json!({}))),
        minikube(
            "network",
            "NetworkPolicy/users-ms",
            Set("/spec/ingress/0/from/0", json!({ "namespaceSelector": {} })),
        ),
        minikube("network", "NetworkPolicy/redis", Set("/spec/ingress/0/from/0", json!({ "podSelector": {} }))),
        minikube("network", "NetworkPolicy/redis", Set("/spec/ingress/0/ports/0/port", json!(6380))),
        minikube(
            "network",
            "NetworkPolicy/redis",
            policy(json!({
                "podSelector": app("docs-ms"), "policyTypes": ["Egress"], "egress": [{ "to": [{ "ipBlock": { "cidr": "0.0.0.0/0" } }] }],
            })),
        ),
        minikube(
            "network",
            "NetworkPolicy/redis",
            policy(json!({
                "podSelector": app("users-ms"), "policyTypes": ["Egress"], "egress": [{ "to": [{ "podSelector": app("auth-ms") }], "ports": [{ "port": 80 }] }],
            })),
        ),
        minikube(
            "network",
            "ConfigMap/concierge-config",
            Set("/data/users_url", json!("http://docs-ms-cluster-ip-service:4000")),
        ),
        minikube(
            "network",
            "ConfigMap/concierge-config",
            Set("/data/redis_host", json!("redis-cluster-ip-service:6380")),
        ),
        keda("network", "NetworkPolicy/redis-from-keda", Drop),
        keda("network", "NetworkPolicy/notification-ms-to-mailpit", Drop),
        minikube("published", "Service/users-db-cluster-ip-service", Set("/spec/type", json!("NodePort"))),
        minikube("published", "Service/redis-cluster-ip-service", Set("/spec/type", json!("LoadBalancer"))),
        minikube("probes", "SpinApp/users-ms", Set("/spec/checks/liveness/httpGet/path", json!("/users-ms/health"))),
        minikube(
            "probes",
            "SpinApp/users-ms",
            Set("/spec/checks/readiness/httpGet/path", json!("/users-ms/healthcheck")),
        ),
        minikube(
            "probes",
            "SpinApp/users-ms",
            Set("/spec/checks/liveness/httpGet/path", json!("/auth-ms/healthcheck")),
        ),
        minikube("probes", "SpinApp/users-ms", Remove("/spec/checks/readiness")),
        minikube("probes", "SpinApp/users-ms", Remove("/spec/checks/readiness/httpGet/httpHeaders")),
        minikube("probes", "SpinApp/docs-ms", Set("/spec/checks/liveness/httpGet/httpHeaders", json!(null))),
        whole_app("probes", "SpinApp/concierge", Remove("/spec/checks/liveness/httpGet/httpHeaders")),
        whole_app("components", "SpinApp/concierge", Remove("/spec/components/0")),
        whole_app("kube-deploy", "SpinApp/concierge", Set("/spec/replicas", json!(3))),
        whole_app("kube-deploy", "SpinApp/concierge", Set("/spec/enableAutoscaling", json!(true))),
        whole_app("kube-deploy", "SpinApp/concierge", Set("/spec/image", json!("localhost:5000/whole-app:0.1.0"))),
        whole_app("kube-deploy", "SpinApp/concierge", Set("/spec/executor", json!("spin-with-amqp"))),
        whole_app("settings", "SpinApp/concierge", Set("/spec/variables/0/value", json!("http://auth.spin.internal"))),
        whole_app("network", "NetworkPolicy/redis-from-concierge", Drop),
        whole_app("network", "NetworkPolicy/gateway-to-concierge", Drop),
        whole_app("budgets", "PodDisruptionBudget/concierge", Drop),
        whole_app("hardening", "merged Deployment/concierge", Drop),
        whole_app(
            "gateway",
            "ConfigMap/gateway",
            Replace("/data/whole-app.conf", "location ~* ^/[^/]+/internal(/|$)", "location /internal"),
        ),
        whole_app("gateway", "ConfigMap/gateway", Remove("/data/whole-app.conf")),
        minikube("probes", "SpinApp/docs-ms", Set("/spec/checks/readiness/httpGet/path", json!("/"))),
        minikube(
            "schedules",
            "CronJob/wake-consumers",
            Set(
                "/spec/jobTemplate/spec/template/spec/containers/0/env/0/value",
                json!("http://notification-ms-cluster-ip-service:4000/notification-ms/internal/consumers/wakes"),
            ),
        ),
        minikube(
            "pod-security",
            "Namespace/",
            Set("/metadata/labels/pod-security.kubernetes.io~1enforce", json!("privileged")),
        ),
        minikube("pod-security", "ServiceAccount/", Remove("/automountServiceAccountToken")),
        minikube("pod-security", "Deployment/redis", Set("/spec/template/spec/hostNetwork", json!(true))),
        minikube(
            "pod-security",
            "Deployment/redis",
            Set("/spec/template/spec/volumes/0", json!({ "name": "data", "hostPath": { "path": "/" } })),
        ),
        minikube("pod-security", "Deployment/redis", Set(container("/securityContext/privileged"), json!(true))),
        minikube(
            "pod-security",
            "Deployment/redis",
            Set(container("/securityContext/capabilities/add"), json!(["SYS_ADMIN"])),
        ),
        minikube("pod-security", "Deployment/redis", Set(container("/ports/0/hostPort"), json!(6379))),
        minikube("pod-security", "Deployment/redis", Remove(container("/securityContext/capabilities"))),
        minikube("pod-security", "Deployment/redis", Remove(container("/securityContext/readOnlyRootFilesystem"))),
        minikube("pod-security", "Deployment/redis", Set("/spec/template/spec/securityContext/runAsUser", json!(0))),
        minikube("pod-security", "Deployment/redis", Remove("/spec/template/spec/automountServiceAccountToken")),
        minikube(
            "pod-security",
            "SpinApp/users-ms",
            Set("/spec/volumes", json!([{ "name": "node", "hostPath": { "path": "/" } }])),
        ),
        minikube("resources", "Deployment/redis", Remove(container("/resources/limits/memory"))),
        minikube("resources", "SpinApp/docs-ms", Remove("/spec/resources")),
        minikube(
            "gateway",
            "ConfigMap/gateway",
            Replace("/data/default.conf", "location ~* ^/[^/]+/internal(/|$)", "location /internal"),
        ),
        minikube(
            "gateway",
            "ConfigMap/gateway",
            Replace(
                "/data/default.conf",
                "http://users-ms-cluster-ip-service:4000;",
                "http://users-ms-cluster-ip-service:4000/;",
            ),
        ),
        minikube("gateway", "ConfigMap/gateway", Replace("/data/default.conf", "    return 404", "    return 200")),
        minikube("gateway", "ConfigMap/gateway", Remove("/data/docs.location")),
        minikube("gateway", "Service/users-ms", Set("/spec/type", json!("NodePort"))),
        minikube(
            "types",
            "merged Deployment/users-ms",
            Set("/spec/template/spec/securityContext/runAsNonroot", json!(true)),
        ),
        minikube("hardening", "merged Deployment/users-ms", Drop),
        minikube("hardening", "merged Deployment/users-ms", Set("/kind", json!("List"))),
        minikube("hardening", "merged Deployment/users-ms", Set("/metadata/name", json!("users"))),
        minikube("hardening", "merged Deployment/users-ms", Set("/spec/replicas", json!(2))),
        minikube(
            "hardening",
            "merged Deployment/users-ms",
            Set("/spec/strategy/rollingUpdate/maxUnavailable", json!(1)),
        ),
        minikube("hardening", "merged Deployment/users-ms", Remove("/spec/template/spec/automountServiceAccountToken")),
        minikube(
            "hardening",
            "merged Deployment/users-ms",
            Set("/spec/template/spec/securityContext/runAsUser", json!(0)),
        ),
        minikube(
            "hardening",
            "merged Deployment/users-ms",
            Set(
                "/spec/template/spec/topologySpreadConstraints/0/matchLabelKeys/0",
                json!("core.spinkube.dev/app-name"),
            ),
        ),
        minikube("hardening", "merged Deployment/users-ms", Set(container("/name"), json!("users"))),
        minikube("hardening", "merged Deployment/users-ms", Set(container("/image"), json!("concierge:0.1.0"))),
        minikube(
            "hardening",
            "merged Deployment/users-ms",
            Set(container("/securityContext/readOnlyRootFilesystem"), json!(true)),
        ),
        minikube(
            "hardening",
            "merged Deployment/users-ms",
            Set(container("/lifecycle/preStop/sleep/seconds"), json!(60)),
        ),
    ]
}
