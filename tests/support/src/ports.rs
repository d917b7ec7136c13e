//! Free loopback ports.

use std::{
    collections::hash_map::RandomState,
    fs::{File, OpenOptions},
    hash::{BuildHasher, Hasher},
    io,
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Mutex,
};

/// Below the range from which Linux takes the ports of outgoing connections (32768 upwards), so that a port
/// handed out here is not taken by a client's connection before its server listens.
const FIRST: u16 = 15_000;
const COUNT: u16 = 15_000;

/// The claims of this process, held until it ends.
static CLAIMS: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// A port on which nothing listens, and which no other process that asks here is given while this one lives.
///
/// nextest runs every test in its own process: a claim is an advisory lock on a file per port, which the kernel
/// releases however the process ends.
pub fn free_port() -> io::Result<u16> {
    let claims = std::env::temp_dir().join("igentai-test-ports");
    std::fs::create_dir_all(&claims)?;
    let start = RandomState::new().build_hasher().finish();
    for step in 0..u64::from(COUNT) {
        let offset = u16::try_from(start.wrapping_add(step) % u64::from(COUNT)).unwrap_or(0);
        let port = FIRST + offset;
        if claim(&claims, port)? && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(io::Error::new(io::ErrorKind::AddrInUse, "no free loopback port is left for the tests"))
}

fn claim(claims: &Path, port: u16) -> io::Result<bool> {
    let path = claims.join(port.to_string());
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o666).open(path)?;
    if file.try_lock().is_err() {
        return Ok(false);
    }
    CLAIMS.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(file);
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_port_is_handed_out_twice() {
        let ports: BTreeSet<u16> = (0..50).map(|_| free_port().expect("a free port")).collect();
        assert_eq!(ports.len(), 50);
    }
}
