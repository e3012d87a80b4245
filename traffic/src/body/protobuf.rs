// SPDX-License-Identifier: GPL-2.0-or-later
//! Protobuf messages, and those that phones and servers send.

use super::put_varint;
use super::sync_key::SyncKey;

/// A message that grows field by field.
#[derive(Clone, Debug, Default)]
pub struct Message(Vec<u8>);

impl Message {
    /// Without a field.
    pub fn new() -> Self {
        Self::default()
    }

    /// A number.
    pub fn number(mut self, field: u32, value: u32) -> Self {
        put_varint(&mut self.0, field << 3);
        put_varint(&mut self.0, value);
        self
    }

    /// Bytes, a text or another message.
    pub fn bytes(mut self, field: u32, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        put_varint(&mut self.0, field << 3 | 2);
        put_varint(&mut self.0, value.len() as u32);
        self.0.extend(value);
        self
    }

    /// A text in a message of its own, as names are sent.
    pub fn text(self, field: u32, text: &str) -> Self {
        let inner = Self::new().bytes(1, text);
        self.bytes(field, inner.done())
    }

    /// The bytes on the wire.
    pub fn done(self) -> Vec<u8> {
        self.0
    }
}

/// A text message between accounts.
#[derive(Clone, Debug)]
pub struct Text {
    /// Its number, given by the server.
    pub id: u32,
    /// Sender.
    pub from: String,
    /// Receiver.
    pub to: String,
    /// What it says.
    pub content: String,
    /// Unix seconds.
    pub time: u32,
}

const TEXT: u32 = 1;
const MESSAGE_ADDED: u32 = 5;
const DEVICE: &str = "android-30";

/// Asks for what is new.
pub fn new_sync(key: &SyncKey, scene: u32) -> Vec<u8> {
    let no_changes = Message::new().number(1, 0).done();
    Message::new()
        .bytes(1, no_changes)
        .number(2, 7)
        .bytes(3, key.encode())
        .number(4, scene)
        .bytes(5, DEVICE)
        .number(6, 1)
        .done()
}

/// What is new: messages, and the key to ask with the next time.
pub fn new_sync_answer(messages: &[Text], key: &SyncKey, time: u32) -> Vec<u8> {
    let mut list = Message::new().number(1, messages.len() as u32);
    for message in messages {
        let added = Message::new()
            .number(1, message.id)
            .text(2, &message.from)
            .text(3, &message.to)
            .number(4, TEXT)
            .text(5, &message.content)
            .number(6, 3)
            .number(7, 1)
            .bytes(8, Message::new().number(1, 0).done())
            .number(9, message.time)
            .bytes(10, "<msgsource></msgsource>")
            .number(12, message.id.wrapping_add(0x4000_0000))
            .number(13, message.id)
            .done();
        let data = Message::new().number(1, added.len() as u32).bytes(2, added).done();
        list = list.bytes(2, Message::new().number(1, MESSAGE_ADDED).bytes(2, data).done());
    }
    Message::new()
        .number(1, 0)
        .bytes(2, list.done())
        .number(3, 0)
        .bytes(4, key.encode())
        .number(5, 0)
        .number(6, 1)
        .number(7, time)
        .done()
}

/// Sends a message.
pub fn send_message(message: &Text) -> Vec<u8> {
    let entry = Message::new()
        .text(1, &message.to)
        .bytes(2, &message.content)
        .number(3, TEXT)
        .number(4, message.time)
        .number(5, message.id)
        .done();
    Message::new().number(1, 1).bytes(2, entry).done()
}

/// A message was sent.
pub fn message_sent(message: &Text) -> Vec<u8> {
    let entry = Message::new()
        .number(1, 0)
        .text(2, &message.from)
        .text(3, &message.to)
        .number(4, message.id)
        .number(5, message.id)
        .number(6, message.time)
        .number(7, TEXT)
        .done();
    let base = Message::new().number(1, 0).bytes(2, Message::new().done()).done();
    Message::new().bytes(1, base).number(2, 1).bytes(3, entry).done()
}

/// What most other calls begin with, and the client's address: asks where files are.
pub fn call(uin: u32, version: u32, scene: u32) -> Vec<u8> {
    let base = Message::new()
        .bytes(1, [0x5A; 16])
        .number(2, uin)
        .bytes(3, b"A0123456789abcd\0")
        .number(4, version)
        .bytes(5, DEVICE)
        .number(6, scene)
        .done();
    Message::new().bytes(1, base).bytes(2, "192.168.1.23").done()
}

/// The answer to a call of no interest, with so many servers in it.
pub fn call_answer(servers: u32) -> Vec<u8> {
    let mut answer = Message::new().bytes(1, Message::new().number(1, 0).done());
    for server in 0..servers {
        let entry = Message::new()
            .number(1, server)
            .text(2, &format!("203.0.113.{}", server % 250 + 1))
            .bytes(3, [server as u8; 24])
            .done();
        answer = answer.bytes(2, entry);
    }
    answer.done()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_tag_and_length() {
        let message = Message::new().number(1, 300).bytes(2, "ab").text(16, "c").done();
        assert_eq!(message, [0x08, 0xAC, 0x02, 0x12, 2, b'a', b'b', 0x82, 0x01, 3, 0x0A, 1, b'c']);
    }
}
