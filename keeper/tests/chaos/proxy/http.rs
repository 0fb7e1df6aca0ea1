//! JSON-RPC over HTTP/1.1, one request after the other on a connection.

use std::sync::Arc;

use serde_json::{json, Value};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::{answers, Shared};

/// Takes connections until it is dropped, and its connections with it.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                connections.spawn(converse(stream, shared.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, shared: Arc<Shared>) {
    let mut down = shared.down.subscribe();
    tokio::select! {
        _ = down.wait_for(|down| *down) => {}
        _ = exchange(stream, &shared) => {}
    }
}

async fn exchange(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let _ = stream.set_nodelay(true);
    let mut stream = BufReader::new(stream);
    while let Some(body) = request(&mut stream).await? {
        let (status, text) = answer(shared, &body).await;
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            text.len()
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(text.as_bytes()).await?;
        stream.flush().await?;
    }
    Ok(())
}

/// The body of the next request; `None` at the connection's end.
async fn request(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<Vec<u8>>> {
    let (mut length, mut line) = (0, String::new());
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        if line == "\r\n" {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(Some(body))
}

async fn answer(shared: &Shared, body: &[u8]) -> (&'static str, String) {
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let method = request["method"].as_str().unwrap_or_default().to_owned();
    let faults = shared.faults();
    if shared.happens(faults.limited) {
        shared.seen().limited += 1;
        return ("429 Too Many Requests", "slower".to_owned());
    }
    *shared.seen().requests.entry(method.clone()).or_default() += 1;
    if faults.refused.contains(method.as_str()) {
        let error = json!({"code": -32010, "message": format!("{method} is not served here")});
        let refused = json!({"jsonrpc": "2.0", "id": request["id"], "error": error});
        return ("200 OK", refused.to_string());
    }
    if method == "sendTransaction" {
        let signature = answers::signature(&request);
        let handed_in = signature.clone();
        *shared.seen().transactions.entry(handed_in).or_default() += 1;
        if shared.happens(faults.lost) {
            shared.seen().lost += 1;
            let taken = json!({"jsonrpc": "2.0", "id": request["id"], "result": signature});
            return ("200 OK", taken.to_string());
        }
    }
    let forwarded = shared.client.post(&shared.rpc).json(&request).send().await;
    let answered = match forwarded {
        Ok(answered) => answered.json::<Value>().await,
        Err(error) => Err(error),
    };
    match answered {
        Ok(mut answered) => {
            answers::change(&faults, &request, &mut answered);
            ("200 OK", answered.to_string())
        }
        Err(_) => ("502 Bad Gateway", "the chain does not answer".to_owned()),
    }
}
