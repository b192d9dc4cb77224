//! Every key that Flume, the DataFlowKit platform and ningg's plug-in know is known here too, for the components that
//! are built: honoured, ignored with a reason, or refused with what to use instead.
//!
//! Truth: the `configure` methods of Flume 1.6 to 1.11, the platform's manual of May 2016, ningg's README and code.
use std::process::{Command, Output};

/// KIND TYPE: KEYS. `g` and `n` stand for a name that the user chooses.
const KEYS: &[(&str, &str, &[&str])] = &[
    (
        "source",
        "taildir",
        &[
            "filegroups",
            "filegroups.g",
            "positionFile",
            "headers.g.n",
            "batchSize",
            "maxBatchCount",
            "skipToEnd",
            "byteOffsetHeader",
            "fileHeader",
            "fileHeaderKey",
            "idleTimeout",
            "writePosInterval",
            "cachePatternMatching",
            "backoffSleepIncrement",
            "maxBackoffSleep",
        ],
    ),
    (
        "source",
        "spooldir",
        &[
            "spoolDir",
            "fileSuffix",
            "deletePolicy",
            "fileHeader",
            "fileHeaderKey",
            "basenameHeader",
            "basenameHeaderKey",
            "batchSize",
            "includePattern",
            "ignorePattern",
            "trackerDir",
            "trackingPolicy",
            "consumeOrder",
            "pollDelay",
            "recursiveDirectorySearch",
            "maxBackoff",
            "inputCharset",
            "decodeErrorPolicy",
            "deserializer",
            "deserializer.maxLineLength",
            "deserializer.outputCharset",
            "deserializer.schemaType",
            "deserializer.maxBlobLength",
            "bufferMaxLines",
            "bufferMaxLineLength",
        ],
    ),
    ("source", "netcat", &["bind", "port", "ack-every-event", "max-line-length", "encoding"]),
    ("source", "seq", &["batchSize", "totalEvents", "backoffSleepIncrement", "maxBackoffSleep"]),
    ("source", "dfk_file", FILE_SOURCE),
    ("source", "dfk_rollfile", ROLL_FILE_SOURCE),
    ("source", "spooltail", NINGG),
    (
        "channel",
        "memory",
        &["capacity", "transactionCapacity", "keep-alive", "byteCapacity", "byteCapacityBufferPercentage"],
    ),
    ("channel", "file", FILE_CHANNEL),
    ("channel", "SPILLABLEMEMORY", FILE_CHANNEL),
    ("channel", "SPILLABLEMEMORY", SPILLABLE_ONLY),
    (
        "sink",
        "file_roll",
        &[
            "sink.directory",
            "sinks.directory",
            "sink.rollInterval",
            "sinks.rollInterval",
            "sink.batchSize",
            "sinks.batchSize",
            "batchSize",
            "sink.serializer",
            "sinks.serializer",
            "sink.serializer.appendNewline",
            "sinks.serializer.appendNewline",
            "sink.serializer.syncIntervalBytes",
            "sinks.serializer.syncIntervalBytes",
            "sink.serializer.compressionCodec",
            "sinks.serializer.compressionCodec",
            "sink.serializer.schemaURL",
            "sinks.serializer.schemaURL",
            "sink.pathManager",
            "sink.pathManager.prefix",
            "sink.pathManager.extension",
        ],
    ),
    ("sink", "logger", &["maxBytesToLog"]),
    ("sink", "null", &["batchSize", "logEveryNEvents"]),
    ("interceptor", "timestamp", &["preserveExisting", "headerName"]),
    ("interceptor", "host", &["useIP", "preserveExisting", "hostHeader"]),
    ("interceptor", "static", &["key", "value", "preserveExisting"]),
    ("interceptor", "regex_filter", &["regex", "excludeEvents"]),
    ("selector", "replicating", &["optional"]),
    ("selector", "multiplexing", &["header", "mapping.n", "default", "optional.n"]),
];

/// The rows of the platform's table, and what it inherits from the spooling directory.
const FILE_SOURCE: &[&str] = &[
    "spoolDir",
    "batchSize",
    "bufferMaxLineLength",
    "bufferMaxlineLength",
    "fileHeader",
    "fileHeaderKey",
    "basenameHeader",
    "basenameHeaderKey",
    "deletePolicy",
    "fileSuffix",
    "targetPattern",
    "ignorePattern",
    "deserializer",
    "deserializer.multiline",
    "deserializer.lineEndWith",
    "deserializer.maxLineLength",
    "deserializer.outputCharset",
    "trackerDir",
    "consumeOrder",
    "inputCharset",
    "decodeErrorPolicy",
    "maxBackoff",
    "bufferMaxLines",
    "pollDelay",
];

const ROLL_FILE_SOURCE: &[&str] = &[
    "spoolDir",
    "rollModule",
    "rollMode",
    "targetPattern",
    "rollPattern",
    "batchSize",
    "bufferMaxLineLength",
    "bufferMaxlineLength",
    "deletePolicy",
    "fileSuffix",
    "ignorePattern",
    "deserializer",
    "deserializer.multiline",
    "deserializer.maxLineLength",
    "deserializer.outputCharset",
    "deserializer.lineEndWith",
    "fileHeader",
    "fileHeaderKey",
    "basenameHeader",
    "basenameHeaderKey",
    "trackerDir",
    "targetFilename",
    "consumeOrder",
    "inputCharset",
    "decodeErrorPolicy",
    "maxBackoff",
    "msxBackoff",
    "bufferMaxLines",
];

/// With those of the fork 0.8.3.
const NINGG: &[&str] = &[
    "spoolDir",
    "fileSuffix",
    "deletePolicy",
    "fileHeader",
    "fileHeaderKey",
    "basenameHeader",
    "basenameHeaderKey",
    "ignorePattern",
    "targetPattern",
    "targetFilename",
    "trackerDir",
    "consumeOrder",
    "batchSize",
    "maxBackoff",
    "msxBackoff",
    "inputCharset",
    "decodeErrorPolicy",
    "deserializer",
    "deserializer.maxLineLength",
    "deserializer.outputCharset",
    "bufferMaxLines",
    "bufferMaxLineLength",
    "originFileCharset",
    "needConvertAfterSource",
];

/// The guide's misspelt ones too: some users' files have them.
const FILE_CHANNEL: &[&str] = &[
    "checkpointDir",
    "dataDirs",
    "useDualCheckpoints",
    "backupCheckpointDir",
    "compressBackupCheckpoint",
    "capacity",
    "transactionCapacity",
    "keep-alive",
    "checkpointInterval",
    "maxFileSize",
    "minimumRequiredSpace",
    "use-log-replay-v1",
    "use-fast-replay",
    "checkpointOnClose",
    "fsyncPerTransaction",
    "fsyncInterval",
    "encryption.activeKey",
    "encryption.cipherProvider",
    "encryption.keyProvider",
    "encryption.keyProvider.keyStoreFile",
    "encrpytion.keyProvider.keyStoreFile",
    "encyption.keyProvider.keyStoreFile",
    "encryption.keyProvider.keyStorePasswordFile",
    "encrpytion.keyProvider.keyStorePasswordFile",
    "encyption.keyProvider.keyStorePasswordFile",
    "encryption.keyProvider.keys",
    "encryption.keyProvider.keys.n.passwordFile",
];

const SPILLABLE_ONLY: &[&str] = &[
    "memoryCapacity",
    "overflowCapacity",
    "overflowTimeout",
    "overflowDeactivationThreshold",
    "byteCapacity",
    "byteCapacityBufferPercentage",
    "avgEventSize",
];

/// What every component of a kind has.
const COMMON: &[(&str, &[&str])] = &[
    ("source", &["type", "channels", "selector.type", "interceptors", "interceptors.n.type", "config"]),
    ("channel", &["type", "config"]),
    ("sink", &["type", "channel", "config"]),
    ("interceptor", &["type"]),
    ("selector", &["type"]),
];

fn explain(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dataflowkit")).arg("explain").args(arguments).output().unwrap()
}

#[test]
fn every_key_of_flume_and_the_platform_is_known() {
    let mut unknown = Vec::new();
    for (kind, name, keys) in KEYS {
        let (_, common) = COMMON.iter().find(|(of, _)| of == kind).unwrap();
        for key in keys.iter().chain(*common) {
            let output = explain(&[kind, name, key]);
            if !output.status.success() || output.stdout.is_empty() {
                unknown.push(String::from_utf8_lossy(&output.stderr).trim().to_string());
            }
        }
    }
    assert!(unknown.is_empty(), "{} keys\n{}", unknown.len(), unknown.join("\n"));
}

#[test]
fn defaults_are_flumes_and_the_platforms() {
    let defaults = [
        ("source", "taildir", "batchSize", "100"),
        ("source", "taildir", "idleTimeout", "120000"),
        ("source", "taildir", "writePosInterval", "3000"),
        ("source", "spooldir", "batchSize", "100"),
        ("source", "spooldir", "deserializer.maxLineLength", "2048"),
        ("source", "spooldir", "deserializer.maxBlobLength", "100000000"),
        ("source", "spooldir", "deserializer.schemaType", "HASH"),
        ("source", "spooldir", "trackerDir", ".flumespool"),
        ("source", "taildir", "skipToEnd", "false"),
        ("source", "netcat", "max-line-length", "512"),
        ("source", "seq", "batchSize", "1"),
        ("source", "dfk_file", "batchSize", "500"),
        ("source", "dfk_file", "bufferMaxLineLength", "8192"),
        ("source", "dfk_file", "readyInterval", "2000"),
        ("source", "dfk_rollfile", "batchSize", "100"),
        ("source", "dfk_rollfile", "quietTime", "2000"),
        ("source", "spooltail", "targetFilename", "yyyy-MM-dd"),
        ("channel", "memory", "capacity", "100"),
        ("channel", "memory", "transactionCapacity", "100"),
        ("channel", "memory", "keep-alive", "3"),
        ("channel", "file", "capacity", "1000000"),
        ("channel", "file", "transactionCapacity", "10000"),
        ("channel", "file", "keep-alive", "3"),
        ("channel", "file", "minimumRequiredSpace", "524288000"),
        ("channel", "file", "fsyncPerTransaction", "true"),
        ("channel", "file", "fsyncInterval", "5"),
        ("channel", "SPILLABLEMEMORY", "memoryCapacity", "10000"),
        ("channel", "SPILLABLEMEMORY", "overflowCapacity", "100000000"),
        ("channel", "SPILLABLEMEMORY", "overflowTimeout", "3"),
        ("channel", "SPILLABLEMEMORY", "byteCapacityBufferPercentage", "20"),
        ("sink", "file_roll", "sink.rollInterval", "30"),
        ("sink", "file_roll", "sink.batchSize", "100"),
        ("sink", "file_roll", "sink.serializer", "TEXT"),
        ("sink", "file_roll", "sink.serializer.syncIntervalBytes", "2048000"),
        ("sink", "file_roll", "sink.serializer.compressionCodec", "null"),
        ("sink", "logger", "maxBytesToLog", "16"),
        ("sink", "null", "logEveryNEvents", "10000"),
        ("interceptor", "static", "preserveExisting", "true"),
        ("interceptor", "timestamp", "preserveExisting", "false"),
        ("interceptor", "host", "useIP", "true"),
        ("selector", "multiplexing", "header", "flume.selector.header"),
    ];
    for (kind, name, key, default) in defaults {
        let told = String::from_utf8(explain(&[kind, name, key]).stdout).unwrap();
        assert!(told.contains(&format!("default {default}")), "{kind} {name} {key}: not {default}\n{told}");
    }
}
