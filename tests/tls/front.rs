//! TLS in front of a fake that speaks plain HTTP, and a proxy that tunnels.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto};

/// A certificate or key of `fixtures/tls`.
pub fn pem(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/tls")
        .join(name)
}

fn certificates(name: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_file_iter(pem(name))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

/// Who is let in.
#[derive(Clone, Copy, PartialEq)]
pub enum LetsIn {
    Everybody,
    /// Those who show a certificate of the authority.
    Certified,
}

/// TLS at a port of its own, in front of `behind` (`http://127.0.0.1:…`): its address.
pub async fn tls_front(behind: &str, lets_in: LetsIn) -> String {
    let behind = address(behind);
    let provider = Arc::new(crypto::ring::default_provider());
    let versions = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let begun = match lets_in {
        LetsIn::Everybody => versions.with_no_client_auth(),
        LetsIn::Certified => {
            let mut roots = RootCertStore::empty();
            for authority in certificates("authority.pem") {
                roots.add(authority).unwrap();
            }
            versions.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .build()
                    .unwrap(),
            )
        }
    };
    let key = PrivateKeyDer::from_pem_file(pem("server-key.pem")).unwrap();
    let config = begun
        .with_single_cert(certificates("server.pem"), key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                match acceptor.accept(stream).into_fallible().await {
                    Ok(mut secured) => {
                        let mut plain = TcpStream::connect(behind).await.unwrap();
                        let _ = copy_bidirectional(&mut secured, &mut plain).await;
                    }
                    Err((_, mut stream)) => {
                        // What the client still sends is read: else the reset that follows could overtake the alert.
                        let _ = stream.shutdown().await;
                        let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
                    }
                }
            });
        }
    });
    url
}

pub fn address(url: &str) -> SocketAddr {
    url.split_once("://").unwrap().1.parse().unwrap()
}

/// A proxy that only tunnels (`CONNECT`), and what it was asked.
pub async fn tunnel() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let heard = Arc::clone(&heard);
            tokio::spawn(async move {
                let head = head(&mut stream).await;
                let target = head.split_whitespace().nth(1).unwrap().to_string();
                heard.lock().unwrap().push(head);
                let mut to = TcpStream::connect(target).await.unwrap();
                stream
                    .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    .await
                    .unwrap();
                let _ = copy_bidirectional(&mut stream, &mut to).await;
            });
        }
    });
    (url, asked)
}

/// The head of a request, with the empty line at its end.
pub async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else {
            break;
        };
        head.push(byte);
    }
    String::from_utf8(head).unwrap()
}
