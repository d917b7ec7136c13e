//! Real servers for tests: installed programs, or containers where only Docker is to be had.
//!
//! A test never skips itself: where a server can't be started, the error names the Debian package to install.

mod broker;
mod command;
mod docker;
mod error;
mod management;
mod rabbitmq;
mod rabbitmq_node;
mod redis;

pub use self::{
    broker::{AMQP_URL_VARIABLE, Broker, MANAGEMENT_URL_VARIABLE},
    error::ServerError,
    rabbitmq::{QueueInfo, RabbitMq, RabbitMqOptions},
    redis::Redis,
};
