//! The cluster's part of the catalogue of errors.

use kube::{core::Status, runtime::watcher};

use super::{
    SelectorError,
    api::{self, ConnectError},
    manifests::FolderError,
    pods::{KubeletError, PodError, SourceError},
};
use crate::catalogue::{Entry, REASON, Said, entries, os};

pub(crate) fn entries() -> Vec<Entry> {
    let reason = || REASON.to_owned();
    let mut entries = entries!(FolderError, Said::whole;
        FolderError::Unreadable { .. } = FolderError::Unreadable { folder: "/etc/koney".into(), cause: os() }, "/etc/koney", REASON;
    );
    entries.extend(entries!(ConnectError, Said::whole;
        ConnectError::Kubeconfig { .. } = ConnectError::Kubeconfig { path: "/root/.kube/config".to_owned(), cause: reason() },
            "/root/.kube/config", REASON;
        ConnectError::NotInCluster(_) = ConnectError::NotInCluster(reason()), "API server", REASON;
        ConnectError::Client(_) = ConnectError::Client(reason()), "API server", REASON;
    ));
    entries.extend(entries!(SourceError, Said::whole;
        SourceError::Unknown(_) = SourceError::Unknown("magic".to_owned()), "`magic`", "unknown";
        SourceError::Kubelet(_) = SourceError::Kubelet(reason()), "kubelet", REASON;
    ));
    entries.extend(entries!(KubeletError, Said::whole;
        KubeletError::File(..) = KubeletError::File("/run/ca.pem".into(), os()), "/run/ca.pem", REASON;
        KubeletError::Certificate(..) = KubeletError::Certificate("/run/ca.pem".into(), reason()), "/run/ca.pem", REASON;
        KubeletError::Unreachable(_) = KubeletError::Unreachable(reason()), "kubelet", REASON;
        KubeletError::Refused(_) = KubeletError::Refused(reqwest::StatusCode::FORBIDDEN), "kubelet", "403 Forbidden";
        KubeletError::Malformed(_) = KubeletError::Malformed(reason()), "kubelet", REASON;
    ));
    entries.extend(entries!(PodError, Said::whole;
        PodError::Malformed(..) = PodError::Malformed("demo/nginx".to_owned(), reason()), "demo/nginx", REASON;
        PodError::Nameless(_) = PodError::Nameless("uid"), "pod", "no uid";
    ));
    // It is the reason of a problem, whose remedy is in `filter.rs`.
    let selector = |error: &SelectorError| Said::apart(format!("containerSelector \"x\" {error}"), super::filter::SELECTOR);
    entries.extend(entries!(SelectorError, selector;
        SelectorError::Regex(_) = SelectorError::Regex(reason()), "containerSelector", REASON;
        SelectorError::Glob(_) = SelectorError::Glob(REASON), "containerSelector", REASON;
    ));
    entries.extend(entries!(watcher::Error, |error: &watcher::Error| Said::apart(
            format!("the API server does not tell policies: {}", api::cause(error)),
            api::remedy(error)
        );
        watcher::Error::InitialListFailed(_) = watcher::Error::InitialListFailed(answer(403)), "policies", "answer 403: REASON";
        watcher::Error::WatchStartFailed(_) = watcher::Error::WatchStartFailed(answer(401)), "policies", "answer 401: REASON";
        watcher::Error::WatchError(_) = watcher::Error::WatchError(Box::new(gone())), "policies", REASON;
        watcher::Error::WatchFailed(_) = watcher::Error::WatchFailed(answer(404)), "policies", "answer 404: REASON";
        watcher::Error::NoResourceVersion = watcher::Error::NoResourceVersion, "policies", "resourceVersion";
    ));
    entries
}

fn answer(code: u16) -> kube::Error {
    kube::Error::Api(Box::new(Status { code, ..gone() }))
}

fn gone() -> Status {
    Status { code: 410, message: REASON.to_owned(), ..Status::default() }
}
