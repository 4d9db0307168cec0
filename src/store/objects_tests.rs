//! Objects in a directory, in memory, and on a server that speaks S3.

use std::io::Write as _;

use chrono::TimeDelta;
use object_store::memory::InMemory;
use tempfile::{NamedTempFile, TempDir};

use super::*;

fn file(octets: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(octets).unwrap();
    file
}

async fn read(objects: &Objects, name: &str, range: Range<u64>) -> Vec<u8> {
    let octets: Vec<Bytes> = objects
        .get(name, range)
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    octets.concat()
}

async fn names(objects: &Objects, before: DateTime<Utc>) -> Vec<String> {
    let mut names: Vec<String> = objects.older_than(before).try_collect().await.unwrap();
    names.sort();
    names
}

/// What holds for every place; it is empty at first.
async fn keeps_what_it_is_given(objects: Objects) {
    let now = crate::clock::Clock::default().now();
    let large: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let small = b"Watson, come here.";
    let mut put = Vec::new();
    for octets in [&large[..], small] {
        put.push(objects.put_file(file(octets).path(), now).await.unwrap());
    }
    let len = large.len() as u64;
    assert!(read(&objects, &put[0], 0..len).await == large);
    assert_eq!(
        read(&objects, &put[0], len - 3..len).await,
        large[large.len() - 3..]
    );
    let middle = 5_242_870..5_242_890;
    assert_eq!(
        read(&objects, &put[0], 5_242_870..5_242_890).await,
        large[middle]
    );
    assert_eq!(read(&objects, &put[1], 0..18).await, small);
    assert_eq!(read(&objects, &put[1], 8..12).await, b"come");
    assert_eq!(read(&objects, &put[1], 3..3).await, b"");

    put.sort();
    assert_eq!(names(&objects, now + TimeDelta::minutes(5)).await, put);
    assert_eq!(names(&objects, now - TimeDelta::minutes(5)).await, [""; 0]);
    for name in &put {
        objects.delete(name).await.unwrap();
        objects.delete(name).await.unwrap();
        assert!(objects.get(name, 0..1).await.is_err());
    }
    assert_eq!(names(&objects, now + TimeDelta::minutes(5)).await, [""; 0]);
}

#[tokio::test]
async fn a_directory() {
    let directory = TempDir::new().unwrap();
    let place = Place::Directory(directory.path().join("a").join("objects"));
    keeps_what_it_is_given(Objects::open(&place, "ours").unwrap()).await;
}

/// A directory on another file system than the file: the content is copied.
#[tokio::test]
async fn a_directory_far_away() {
    let directory = TempDir::new().unwrap();
    let place = Place::Directory(directory.path().to_owned());
    let objects = Objects::open(&place, "ours").unwrap();
    keeps_what_it_is_given(Objects {
        directory: None,
        ..objects
    })
    .await;
}

#[tokio::test]
async fn memory_under_a_prefix() {
    let store = Arc::new(InMemory::new());
    keeps_what_it_is_given(Objects::new(store, ObjectPath::from("a/b"))).await;
}

/// On a server that speaks S3, which CONTRIBUTING.md says how to start; else there is nothing to do.
#[tokio::test]
async fn a_bucket() {
    let Ok(endpoint) = std::env::var("RESTANTE_TEST_S3_URL") else {
        return;
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    let bucket = Bucket {
        name: "restante".into(),
        prefix: "large/contents".into(),
        endpoint: Some(endpoint),
        region: "us-east-1".into(),
        access_key: Some("testing".into()),
        secret_key: Some(SecretString::from("testing")),
    };
    keeps_what_it_is_given(Objects::open(&Place::Bucket(bucket), "ours").unwrap()).await;
}

/// Files that are not ours lie there undisturbed.
#[tokio::test]
async fn other_files_are_left_out() {
    let directory = TempDir::new().unwrap();
    let objects = Objects::open(&Place::Directory(directory.path().to_owned()), "ours").unwrap();
    std::fs::write(directory.path().join("lost+found"), "x").unwrap();
    let soon = crate::clock::Clock::default().now() + TimeDelta::minutes(5);
    assert_eq!(names(&objects, soon).await, [""; 0]);
}
