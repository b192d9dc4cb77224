//! Creates topics by one request to the broker: Kafka's own command for it starts a JVM each time.
//!
//! Shape: `[length i32]` and `CreateTopics` (key 19) without tagged fields, which are the versions 1 to 4; big-endian,
//! strings with their length as `i16`. Kafka 0.10 knows versions up to 1, Kafka 4 from 2; 2 differs by the
//! `throttle_time_ms` that its answer begins with.
//! Truth: the protocol guide of Kafka, "CreateTopics API".
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::Version;
use crate::support::{PATIENCE, until};

const CREATE_TOPICS: i16 = 19;
/// An old broker says so until it has taken the lead, a moment after its start.
const NOT_CONTROLLER: i16 = 41;
const TIMEOUT_MS: i32 = 20_000;

pub fn create(at: SocketAddr, version: Version, topic: &str, partitions: i32, settings: &[&str]) {
    let version = if version == Version::V0 { 1 } else { 2 };
    let request = request(version, topic, partitions, settings);
    let mut code = NOT_CONTROLLER;
    until(|| {
        code = error(version, &exchange(at, &request));
        code != NOT_CONTROLLER
    });
    assert_eq!(code, 0, "error code of the broker for topic `{topic}`");
}

fn request(version: i16, topic: &str, partitions: i32, settings: &[&str]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(CREATE_TOPICS.to_be_bytes());
    out.extend(version.to_be_bytes());
    out.extend(1i32.to_be_bytes()); // correlation id
    string(&mut out, "test");
    out.extend(1i32.to_be_bytes()); // topics
    string(&mut out, topic);
    out.extend(partitions.to_be_bytes());
    out.extend(1i16.to_be_bytes()); // replicas
    out.extend(0i32.to_be_bytes()); // assignments
    out.extend((settings.len() as i32).to_be_bytes());
    for setting in settings {
        let (name, value) = setting.split_once('=').expect("name=value");
        string(&mut out, name);
        string(&mut out, value);
    }
    out.extend(TIMEOUT_MS.to_be_bytes());
    out.push(0); // do it, do not only look
    out
}

fn string(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as i16).to_be_bytes());
    out.extend(text.as_bytes());
}

fn exchange(at: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut peer = TcpStream::connect(at).unwrap();
    peer.set_read_timeout(Some(2 * PATIENCE)).unwrap();
    peer.write_all(&(request.len() as i32).to_be_bytes()).unwrap();
    peer.write_all(request).unwrap();
    let mut length = [0; 4];
    peer.read_exact(&mut length).unwrap();
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    peer.read_exact(&mut answer).unwrap();
    answer
}

/// The code of the only topic: behind the correlation id, the throttle time, the count of topics and the name.
fn error(version: i16, answer: &[u8]) -> i16 {
    let at = if version < 2 { 8 } else { 12 };
    let number = |at: usize| i16::from_be_bytes([answer[at], answer[at + 1]]);
    number(at + 2 + number(at) as usize)
}
