//! The bus over RabbitMQ.
