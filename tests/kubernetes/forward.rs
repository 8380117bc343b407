//! A port-forward as an API server gives it: a web socket in which each port has a channel of data and one of errors, each begun with
//! the port's number. Written by hand on a plain connection, so that it is not kube's own code that answers kube.

use super::server::{ApiServer, NOW_MS};
use crate::tls::head;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use base64::Engine;
use plimsoll::clients::kubernetes::{Access, KubernetesCluster, Settings};
use plimsoll::config::Reach;
use plimsoll::ports::Cluster;
use plimsoll::snapshot::{JobKey, JobState, Snapshot};
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the pod does with a connection.
#[derive(Clone, Copy, PartialEq)]
enum Pod {
    Answers,
    /// Nothing listens at the port: the kubelet says so on the channel of errors.
    Refuses,
    /// The connection ends in the middle of an answer.
    BreaksOff,
    /// The API server opens nothing.
    Forbidden,
}

/// In front of the fake API server: all but port-forwards goes through to it. Its address, and the paths of the port-forwards.
async fn api_server(
    server: &ApiServer,
    job_manager: String,
    pod: Pod,
) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let behind = server.address.replace("http://", "");
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (behind, job_manager) = (behind.clone(), job_manager.clone());
            let heard = Arc::clone(&heard);
            tokio::spawn(async move {
                let head = head(&mut stream).await;
                if head.is_empty() {
                    return;
                }
                let path = head.split_whitespace().nth(1).unwrap().to_string();
                if !path.contains("/portforward") {
                    let mut plain = TcpStream::connect(behind).await.unwrap();
                    // One request a connection: the next one may be another kind.
                    let head = head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
                    plain.write_all(head.as_bytes()).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut stream, &mut plain).await;
                    return;
                }
                heard.lock().unwrap().push(path);
                forward(stream, &head, &job_manager, pod).await;
            });
        }
    });
    (address, asked)
}

async fn forward(mut stream: TcpStream, head: &str, job_manager: &str, pod: Pod) {
    if pod == Pod::Forbidden {
        let body = json!({"kind": "Status", "code": 403, "message": "User \"planner\" cannot create pods/portforward"});
        let body = body.to_string();
        let length = body.len();
        let refusal = format!("HTTP/1.1 403 Forbidden\r\ncontent-length: {length}\r\n\r\n{body}");
        stream.write_all(refusal.as_bytes()).await.unwrap();
        return;
    }
    let header = |name: &str| {
        head.lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_string())
            .unwrap()
    };
    assert!(header("sec-websocket-protocol").contains("v4.channel.k8s.io"));
    let key = header("sec-websocket-key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    let accept = base64::engine::general_purpose::STANDARD.encode(sha1(key.as_bytes()));
    let switched = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
         sec-websocket-protocol: v4.channel.k8s.io\r\nsec-websocket-accept: {accept}\r\n\r\n"
    );
    stream.write_all(switched.as_bytes()).await.unwrap();
    let (mut from_client, mut to_client) = stream.into_split();
    for channel in [0, 1] {
        let [low, high] = 8081_u16.to_le_bytes();
        say(&mut to_client, channel, &[low, high]).await;
    }
    if pod == Pod::Refuses {
        say(
            &mut to_client,
            1,
            b"error forwarding port 8081 to pod: connection refused",
        )
        .await;
        let _ = heard(&mut from_client).await;
        return;
    }
    let (mut from_pod, mut to_pod) = TcpStream::connect(job_manager).await.unwrap().into_split();
    let upwards = async {
        while let Some((0x2, data)) = heard(&mut from_client).await {
            assert_eq!(data[0], 0, "a client sends data only");
            to_pod.write_all(&data[1..]).await.unwrap();
        }
    };
    let downwards = async {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = from_pod.read(&mut buffer).await {
            if pod == Pod::BreaksOff {
                say(&mut to_client, 0, &buffer[..count.min(60)]).await;
                break;
            }
            say(&mut to_client, 0, &buffer[..count]).await;
        }
    };
    tokio::select! { () = upwards => {}, () = downwards => {} }
}

/// A frame with binary data for a channel; a server's frames have no mask.
async fn say(to: &mut (impl AsyncWrite + Unpin), channel: u8, data: &[u8]) {
    let mut frame = vec![0x82, 126];
    frame.extend(u16::try_from(data.len() + 1).unwrap().to_be_bytes());
    frame.push(channel);
    frame.extend(data);
    // Who hung up hears nothing.
    let _ = to.write_all(&frame).await;
}

/// A client's next frame: opcode and data without the mask.
async fn heard(from: &mut (impl AsyncRead + Unpin)) -> Option<(u8, Vec<u8>)> {
    let begin = [from.read_u8().await.ok()?, from.read_u8().await.ok()?];
    let length = match begin[1] & 0x7f {
        126 => u64::from(from.read_u16().await.ok()?),
        127 => from.read_u64().await.ok()?,
        short => u64::from(short),
    };
    let mut mask = [0; 4];
    from.read_exact(&mut mask).await.ok()?;
    let mut data = vec![0; usize::try_from(length).unwrap()];
    from.read_exact(&mut data).await.ok()?;
    for (at, byte) in data.iter_mut().enumerate() {
        *byte ^= mask[at % 4];
    }
    Some((begin[0] & 0x0f, data))
}

/// FIPS 180-4: what a web socket's handshake is signed with.
fn sha1(data: &[u8]) -> [u8; 20] {
    let mut padded = data.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend((data.len() as u64 * 8).to_be_bytes());
    let mut hash = [
        0x6745_2301_u32,
        0xefcd_ab89,
        0x98ba_dcfe,
        0x1032_5476,
        0xc3d2_e1f0,
    ];
    for block in padded.chunks(64) {
        let mut words: Vec<u32> = block
            .chunks(4)
            .map(|four| u32::from_be_bytes(four.try_into().unwrap()))
            .collect();
        for at in 16..80 {
            words.push(
                (words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16]).rotate_left(1),
            );
        }
        let [mut a, mut b, mut c, mut d, mut e] = hash;
        for (at, word) in words.iter().enumerate() {
            let (mixed, constant) = match at / 20 {
                0 => ((b & c) | (!b & d), 0x5a82_7999),
                1 => (b ^ c ^ d, 0x6ed9_eba1),
                2 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6_u32),
            };
            let next = a
                .rotate_left(5)
                .wrapping_add(mixed)
                .wrapping_add(e)
                .wrapping_add(constant)
                .wrapping_add(*word);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
        }
        for (sum, part) in hash.iter_mut().zip([a, b, c, d, e]) {
            *sum = sum.wrapping_add(part);
        }
    }
    let mut bytes = [0; 20];
    for (at, word) in hash.iter().enumerate() {
        bytes[at * 4..at * 4 + 4].copy_from_slice(&word.to_be_bytes());
    }
    bytes
}

/// A JobManager at a port of its own, as it is in a pod: the job's answers, with no path in front.
async fn job_manager(server: &Arc<ApiServer>, job: &JobKey) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (server, job) = (Arc::clone(server), job.clone());
    let router = axum::Router::new().fallback(move |uri: axum::http::Uri| {
        let key = server
            .fleet
            .find(&job.namespace, &job.name)
            .unwrap()
            .clone();
        let reply = server.fleet.answer(&key, &uri.to_string(), NOW_MS).unwrap();
        async move {
            (
                StatusCode::from_u16(reply.status).unwrap(),
                axum::Json(reply.body),
            )
                .into_response()
        }
    });
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn look(pod: Pod) -> (Snapshot, usize) {
    let server = ApiServer::start().await;
    let job = JobKey {
        cluster: "prod".into(),
        ..server.fleet.keys()[0].clone()
    };
    server.content.lock().unwrap().pods = vec![json!({
        "metadata": {"name": "jm-0"},
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
        "spec": {"containers": [{"ports": [{"name": "rest", "containerPort": 8081}]}]},
    })];
    let manager = job_manager(&server, &job).await;
    let (address, forwards) = api_server(&server, manager, pod).await;
    let file = server.kubeconfig();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace(&server.address, &address)).unwrap();
    let access = Access::Kubeconfig {
        file: Some(file),
        context: None,
    };
    let mut settings = Settings::new("prod", access, Reach::PortForward);
    settings.retries = 0;
    settings.rest.retries = 0;
    settings.rest.request_timeout = Duration::from_secs(5);
    let cluster = KubernetesCluster::connect(settings).await.unwrap();
    cluster.jobs().await.unwrap();
    let seen = cluster.observe(&job, None).await.unwrap();
    let forwards = forwards.lock().unwrap();
    let path = format!("/api/v1/namespaces/{}/pods/jm-0/portforward", job.namespace);
    assert!(
        forwards
            .iter()
            .all(|asked| asked.starts_with(&path) && asked.contains("ports=8081")),
        "{forwards:?}"
    );
    (seen, forwards.len())
}

fn reason(snapshot: &Snapshot) -> String {
    let gaps = snapshot.gaps.iter();
    gaps.map(|gap| format!("{}: {}\n", gap.what, gap.reason))
        .collect()
}

#[tokio::test]
async fn kubernetes_a_job_is_looked_at_through_a_port_forward() {
    let (seen, forwards) = look(Pod::Answers).await;
    assert_eq!(seen.state, JobState::Running, "{}", reason(&seen));
    assert!(!seen.vertices.is_empty() && !seen.task_managers.is_empty());
    assert!(forwards >= 1);
}

#[tokio::test]
async fn kubernetes_a_port_forward_that_fails_says_what_it_was_told() {
    for (pod, said) in [
        (Pod::Refuses, "connection refused"),
        (Pod::BreaksOff, "port-forward to pod"),
        (Pod::Forbidden, "plimsoll rbac"),
    ] {
        let (seen, _) = look(pod).await;
        assert_eq!(seen.state, JobState::Unreachable, "{said}");
        assert!(reason(&seen).contains(said), "{said}: {}", reason(&seen));
    }
}

#[test]
fn kubernetes_the_handshake_of_the_fake_is_the_one_of_the_standard() {
    // RFC 6455, section 1.3.
    let key = "dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    let accept = base64::engine::general_purpose::STANDARD.encode(sha1(key.as_bytes()));
    assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}
