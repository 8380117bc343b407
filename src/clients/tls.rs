//! Which side of a TLS handshake did not accept the other: each has a remedy of its own, and both only show as "connection failed".

use rustls::AlertDescription as Alert;

/// A handshake that failed because of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Distrust {
    /// We do not accept the server's certificate.
    OfServer(String),
    /// The server does not accept us: our certificate, or that we showed none.
    OfUs(String),
}

/// What of a failed request is a matter of certificates; `None` for everything else.
pub(super) fn distrust(error: &(dyn std::error::Error + 'static)) -> Option<Distrust> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return of(found);
        }
        // An error of input and output hides the one that it carries from `source`.
        if let Some(io) = error.downcast_ref::<std::io::Error>()
            && let Some(carried) = io.get_ref()
            && let Some(found) = distrust(carried)
        {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

fn of(error: &rustls::Error) -> Option<Distrust> {
    match error {
        rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => {
            Some(Distrust::OfServer(error.to_string()))
        }
        rustls::Error::AlertReceived(
            Alert::CertificateRequired
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::DecryptError
            // Before TLS 1.3 there was no word of its own for a certificate that is missing.
            | Alert::HandshakeFailure,
        ) => Some(Distrust::OfUs(error.to_string())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::{CertificateError, Error};
    use std::io;

    #[test]
    fn each_side_of_a_handshake_is_told_apart_however_deep_it_lies() {
        let unknown = || Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let wanted = || Error::AlertReceived(Alert::CertificateRequired);
        let wrapped =
            |error: Error| io::Error::other(io::Error::new(io::ErrorKind::InvalidData, error));
        assert!(matches!(distrust(&unknown()), Some(Distrust::OfServer(_))));
        assert!(matches!(
            distrust(&wrapped(unknown())),
            Some(Distrust::OfServer(_))
        ));
        assert!(matches!(
            distrust(&wrapped(wanted())),
            Some(Distrust::OfUs(_))
        ));
        let others = [
            wrapped(Error::AlertReceived(Alert::InternalError)),
            io::Error::from(io::ErrorKind::ConnectionReset),
        ];
        for other in others {
            assert_eq!(distrust(&other), None, "{other}");
        }
    }
}
