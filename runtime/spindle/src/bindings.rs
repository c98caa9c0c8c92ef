//! Rust bindings of the WIT worlds under `wit/` at the top of the repository.

#[expect(missing_docs, reason = "generated from the WIT files, which are commented")]
mod capabilities {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "concierge:app/capabilities",
        imports: { default: async | trappable },
        with: {
            "fermyon:spin/key-value@2.0.0.store": crate::capability::key_value::OpenStore,
            "fermyon:spin/mqtt@2.0.0.connection": crate::capability::mqtt::Connection,
            "fermyon:spin/redis@2.0.0.connection": crate::capability::redis::Connection,
            "spin:postgres/postgres@4.0.0.connection": crate::capability::postgres::Connection,
        },
    });
}

#[expect(missing_docs, reason = "generated from the WIT files, which are commented")]
mod redis_handler {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "concierge:app/redis-handler",
        exports: { default: async },
    });
}

#[expect(missing_docs, reason = "generated from the WIT files, which are commented")]
mod amqp_handler {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "concierge:app/amqp-handler",
        exports: { default: async },
    });
}

pub use amqp_handler::exports::concierge::amqp::handler as amqp;
pub use amqp_handler::{AmqpHandler, AmqpHandlerPre};
pub use capabilities::fermyon::spin2_0_0::{key_value, mqtt, redis, variables};
pub use capabilities::spin::postgres::postgres;
pub use redis_handler::{RedisHandler, RedisHandlerPre};
