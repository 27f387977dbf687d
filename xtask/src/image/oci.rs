//! An image as the OCI image format (v1.1) has it, in one archive: `index.json`, which names manifests by their digests, and so on.

use std::{collections::BTreeMap, fmt::Write as _, io::Write as _};

use anyhow::Result;
use flate2::{Compression, GzBuilder};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tar::{Builder, EntryType};

use super::layer::header;
use crate::arch::Arch;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Content by its digest.
#[derive(Default)]
struct Blobs(BTreeMap<String, Vec<u8>>);

impl Blobs {
    /// Keeps it, and gives what refers to it.
    fn add(&mut self, kind: &str, bytes: Vec<u8>) -> Value {
        let (digest, size) = (digest(&bytes), bytes.len());
        let descriptor = json!({ "mediaType": kind, "digest": format!("sha256:{digest}"), "size": size });
        self.0.insert(digest, bytes);
        descriptor
    }
}

/// One image for several architectures, each with its one layer.
pub(super) fn archive(name: &str, version: &str, layers: &[(Arch, Vec<u8>)], entry: &[&str]) -> Result<Vec<u8>> {
    let mut blobs = Blobs::default();
    let mut manifests = Vec::new();
    for (arch, layer) in layers {
        manifests.push(image(&mut blobs, *arch, version, layer, entry)?);
    }
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests });
    let mut first = blobs.add(INDEX, serde_json::to_vec(&index)?);
    let tag = name.rsplit_once(':').map_or("latest", |(_, tag)| tag);
    first["annotations"] = json!({ "io.containerd.image.name": name, "org.opencontainers.image.ref.name": tag });
    let top = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [first] });

    let mut tar = Builder::new(Vec::new());
    let mut file = |path: &str, bytes: &[u8]| -> Result<()> {
        let mut header = header(EntryType::Regular, 0o644, bytes.len().try_into()?);
        Ok(tar.append_data(&mut header, path, bytes)?)
    };
    file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    file("index.json", &serde_json::to_vec(&top)?)?;
    for (digest, bytes) in &blobs.0 {
        file(&format!("blobs/sha256/{digest}"), bytes)?;
    }
    Ok(tar.into_inner()?)
}

fn image(blobs: &mut Blobs, arch: Arch, version: &str, layer: &[u8], entry: &[&str]) -> Result<Value> {
    let config = json!({
        "architecture": arch.debian(), "os": "linux", "created": "1970-01-01T00:00:00Z",
        "config": {
            "Entrypoint": entry, "WorkingDir": "/", "Env": ["PATH=/bin"],
            "Labels": {
                "org.opencontainers.image.version": version,
                "org.opencontainers.image.licenses": env!("CARGO_PKG_LICENSE"),
            },
        },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{}", digest(layer))] },
        "history": [{ "created": "1970-01-01T00:00:00Z" }],
    });
    let mut compressed = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    compressed.write_all(layer)?;
    let config = blobs.add(CONFIG, serde_json::to_vec(&config)?);
    let layer = blobs.add(LAYER, compressed.finish()?);
    let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer] });
    let mut descriptor = blobs.add(MANIFEST, serde_json::to_vec(&manifest)?);
    descriptor["platform"] = json!({ "architecture": arch.debian(), "os": "linux" });
    Ok(descriptor)
}

pub(super) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut digits, byte| {
        write!(digits, "{byte:02x}").expect("a string takes what is written");
        digits
    })
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn every_reference_leads_to_what_it_says() {
        let layers = [(Arch::Amd64, b"one".to_vec()), (Arch::Arm64, b"two".to_vec())];
        let bytes = archive("localhost/koney-agent:1", "1", &layers, &["/koney-agent"]).expect("an archive");
        let mut files = BTreeMap::new();
        for entry in tar::Archive::new(bytes.as_slice()).entries().expect("an archive") {
            let mut entry = entry.expect("an entry");
            let (path, mut content) = (entry.path().expect("a path").display().to_string(), Vec::new());
            entry.read_to_end(&mut content).expect("content");
            files.insert(path, content);
        }
        let blob = |descriptor: &Value| -> Vec<u8> {
            let name = descriptor["digest"].as_str().expect("a digest").trim_start_matches("sha256:");
            let bytes = &files[&format!("blobs/sha256/{name}")];
            assert_eq!((digest(bytes).as_str(), descriptor["size"].as_u64()), (name, Some(bytes.len() as u64)));
            bytes.clone()
        };
        let json = |bytes: &[u8]| -> Value { serde_json::from_slice(bytes).expect("JSON") };
        let top = json(&files["index.json"]);
        let index = json(&blob(&top["manifests"][0]));
        for (at, (arch, layer)) in layers.iter().enumerate() {
            let manifest = &index["manifests"][at];
            assert_eq!(manifest["platform"]["architecture"], arch.debian());
            let manifest = json(&blob(manifest));
            let config = json(&blob(&manifest["config"]));
            assert_eq!(config["rootfs"]["diff_ids"][0], format!("sha256:{}", digest(layer)));
            let mut unpacked = Vec::new();
            let compressed = blob(&manifest["layers"][0]);
            flate2::read::GzDecoder::new(compressed.as_slice()).read_to_end(&mut unpacked).expect("gzip");
            assert_eq!(unpacked, *layer);
        }
        assert_eq!(archive("localhost/koney-agent:1", "1", &layers, &["/koney-agent"]).expect("an archive"), bytes);
    }
}
