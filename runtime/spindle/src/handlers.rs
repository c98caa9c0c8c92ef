//! What a component exports for messages: Rust bindings of the WIT worlds under `wit/` at the top of the repository.

mod redis_handler {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "concierge:app/redis-handler",
        exports: { default: async },
    });
}

mod amqp_handler {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "concierge:app/amqp-handler",
        exports: { default: async },
    });
}

pub(crate) use amqp_handler::AmqpHandlerPre;
pub(crate) use amqp_handler::exports::concierge::amqp::handler as amqp;
pub(crate) use redis_handler::RedisHandlerPre;
