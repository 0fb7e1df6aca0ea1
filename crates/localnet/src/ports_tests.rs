use super::*;

fn config(rpc_port: u16, ws_port: u16) -> LocalnetConfig {
    LocalnetConfig {
        rpc_port,
        ws_port,
        ..LocalnetConfig::default()
    }
}

#[test]
fn zero_ports_become_two_different_free_ports() {
    let endpoints = Endpoints::resolve(&config(0, 0)).expect("free ports");
    assert_ne!(endpoints.rpc.port(), 0);
    assert_ne!(endpoints.ws.port(), 0);
    assert_ne!(endpoints.rpc.port(), endpoints.ws.port());
}

#[test]
fn a_taken_websocket_port_is_named_as_such() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("address").port();
    let error = Endpoints::resolve(&config(0, port)).expect_err("taken");
    assert_eq!(
        format!("{error:#}"),
        format!("port {port} (WebSocket) on 127.0.0.1 is already in use: stop the program that holds it or choose another WebSocket port")
    );
}

#[test]
fn one_port_for_both_services_is_refused() {
    let error = Endpoints::resolve(&config(45_001, 45_001)).expect_err("same port");
    assert!(format!("{error}").starts_with("port 45001 is named for both"));
}

#[test]
fn a_server_on_every_interface_is_reached_through_loopback() {
    let everywhere = SocketAddr::new("0.0.0.0".parse().expect("ip"), 8899);
    assert_eq!(reachable(everywhere).to_string(), "127.0.0.1:8899");
}
