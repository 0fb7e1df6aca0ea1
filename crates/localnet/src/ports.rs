//! Finds out before start-up whether the two ports can be had, so that the reason a localnet does
//! not start is one sentence that names the port.

use std::{
    io::ErrorKind,
    net::{IpAddr, SocketAddr, TcpListener},
};

use anyhow::{bail, Context, Result};

use crate::config::LocalnetConfig;

/// The addresses the two servers will bind to; no zero ports any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Endpoints {
    pub rpc: SocketAddr,
    pub ws: SocketAddr,
}

impl Endpoints {
    /// Checks both ports, choosing free ones where the configuration says 0.
    ///
    /// Both are held until both are known, so two zero ports never become the same port. Between
    /// this check and the bind of the servers another program may still take one: then start-up
    /// fails with the server's own message instead.
    pub fn resolve(config: &LocalnetConfig) -> Result<Self> {
        if config.rpc_port != 0 && config.rpc_port == config.ws_port {
            bail!(
                "port {} is named for both JSON-RPC and WebSocket: give each its own port",
                config.rpc_port
            );
        }
        let rpc = Reservation::take(config.host, config.rpc_port, "JSON-RPC")?;
        let ws = Reservation::take(config.host, config.ws_port, "WebSocket")?;
        Ok(Self {
            rpc: rpc.address,
            ws: ws.address,
        })
    }

    pub fn rpc_url(&self) -> String {
        format!("http://{}", reachable(self.rpc))
    }

    pub fn ws_url(&self) -> String {
        format!("ws://{}", reachable(self.ws))
    }
}

/// A port held open for the length of the check.
struct Reservation {
    address: SocketAddr,
    _listener: TcpListener,
}

impl Reservation {
    fn take(host: IpAddr, port: u16, service: &str) -> Result<Self> {
        let listener = match TcpListener::bind(SocketAddr::new(host, port)) {
            Ok(listener) => listener,
            Err(error) if error.kind() == ErrorKind::AddrInUse => bail!(
                "port {port} ({service}) on {host} is already in use: stop the program that holds it or choose another {service} port"
            ),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => bail!(
                "port {port} ({service}) on {host} may not be opened by this user: choose a {service} port above 1023"
            ),
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("port {port} ({service}) on {host} cannot be opened"))
            }
        };
        let address = listener
            .local_addr()
            .with_context(|| format!("the {service} port has no address"))?;
        Ok(Self {
            address,
            _listener: listener,
        })
    }
}

/// A server bound to every interface is reached through the loopback one.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => {
            SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), address.port())
        }
        IpAddr::V6(ip) if ip.is_unspecified() => {
            SocketAddr::new(IpAddr::V6(std::net::Ipv6Addr::LOCALHOST), address.port())
        }
        _ => address,
    }
}

#[cfg(test)]
#[path = "ports_tests.rs"]
mod tests;
