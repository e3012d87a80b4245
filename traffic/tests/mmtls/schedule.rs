// SPDX-License-Identifier: GPL-2.0-or-later
//! The key schedule, against values that Python made with `hashlib`, `hmac` and OpenSSL's AES-GCM:
//!
//! ```python
//! def expand(secret, info, n):          # HKDF-Expand, RFC 5869, 2.3
//!     out, t, i = b"", b"", 1
//!     while len(out) < n:
//!         t = hmac.new(secret, t + info + bytes([i]), hashlib.sha256).digest(); out += t; i += 1
//!     return out[:n]
//! shared = hashlib.sha256(bytes(range(32))).digest()
//! m = [b"client hello", b"server hello", b"certificate verify", b"new session ticket"]
//! h = lambda n: hashlib.sha256(b"".join(m[:n])).digest()
//! handshake = expand(shared, b"handshake key expansion" + h(2), 56)
//! psk = expand(shared, b"PSK_ACCESS" + h(3), 32); refresh = expand(shared, b"PSK_REFRESH" + h(3), 32)
//! master = expand(shared, b"expanded secret" + h(4), 32)
//! application = expand(master, b"application data key expansion" + h(4), 56)
//! server = hmac.new(expand(shared, b"server finished", 32), h(4), hashlib.sha256).hexdigest()
//! early = expand(psk, b"early data key expansion" + h(1), 28)
//! ee = hashlib.sha256(m[0] + b"encrypted extensions" + m[1]).digest()
//! answer = expand(psk, b"handshake key expansion" + ee, 28)
//! # cryptography.hazmat.primitives.ciphers.aead.AESGCM:
//! seq, plain = 0x0102030405060708, b"sixteen bytes..."
//! ad = seq.to_bytes(8, "big") + b"\x17\xf1\x04" + (len(plain) + 16).to_bytes(2, "big")
//! nonce = bytes(a ^ b for a, b in zip(early[16:], bytes(4) + seq.to_bytes(8, "big")))
//! sealed = AESGCM(early[:16]).encrypt(nonce, plain, ad)
//! ```

use wechat_traffic::mmtls::key_log::hex;
use wechat_traffic::mmtls::keys::{Half, Pair, expand, label, shared_secret, transcript, verify_data};

const MESSAGES: [&[u8]; 4] = [b"client hello", b"server hello", b"certificate verify", b"new session ticket"];

fn shared() -> [u8; 32] {
    shared_secret(&std::array::from_fn::<u8, 32, _>(|index| index as u8))
}

#[test]
fn full_handshake() {
    let shared = shared();
    assert_eq!(hex(&shared), "630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd");
    let hash = |count: usize| transcript(&MESSAGES[..count]);
    assert_eq!(hex(&hash(2)), "9896ba1ac888c8efa74a2a9c3eb814380d56580a7f8d6937a35846919256ae59");
    let handshake: [u8; 56] = expand(&shared, label::HANDSHAKE, Some(&hash(2)));
    assert_eq!(
        hex(&handshake),
        "7ba0e6b9e8a1b5d18961b64e46818fd04bab99b52695efe1b159102be6820dc4\
         ba93240a5c3e337ca55873d27afca820a84de047611d879d"
    );
    let pair = Pair(handshake);
    assert_eq!(hex(&pair.client().key), "7ba0e6b9e8a1b5d18961b64e46818fd0");
    assert_eq!(hex(&pair.server().key), "4bab99b52695efe1b159102be6820dc4");
    assert_eq!(hex(&pair.client().iv), "ba93240a5c3e337ca55873d2");
    assert_eq!(hex(&pair.server().iv), "7afca820a84de047611d879d");

    let refresh: [u8; 32] = expand(&shared, label::PSK_REFRESH, Some(&hash(3)));
    assert_eq!(hex(&refresh), "c56f04780809e54b38c2f7a7e822874fcb185bea06f1b44672b8014af711bf46");
    let master: [u8; 32] = expand(&shared, label::MASTER, Some(&hash(4)));
    assert_eq!(hex(&master), "be6fa943f142a8872c93eba181b5a0350a314842806d0e97933af2dc0d3347da");
    let application: [u8; 56] = expand(&master, label::APPLICATION, Some(&hash(4)));
    assert_eq!(
        hex(&application),
        "e9b6a98c0d9992505ed5ae282f33ac73fa58af3707aeb092dcc57e2af0d6cd8d\
         2d0f66b76307d8a39e360602e30e91f9f5546c94bf7534b4"
    );
    assert_eq!(
        hex(&verify_data(&shared, label::SERVER_FINISHED, &hash(4))),
        "fd69d340a5cca50a3fd4a696b923b00baf5fe4aee8f5c177cf2e4b786300f83a"
    );
    assert_eq!(
        hex(&verify_data(&shared, label::CLIENT_FINISHED, &hash(4))),
        "eb2d03ee9e4c1cc630216cf2416551ffebf236a0c93612527eddefcc30fa0314"
    );
}

#[test]
fn early_data_and_a_record() {
    let psk: [u8; 32] = expand(&shared(), label::PSK_ACCESS, Some(&transcript(&MESSAGES[..3])));
    assert_eq!(hex(&psk), "5e4e3b4262bcdc098fba1a84233ce59f547e9a53290d42ba06eb651409ce1b9e");
    let early: [u8; 28] = expand(&psk, label::EARLY, Some(&transcript(&MESSAGES[..1])));
    assert_eq!(hex(&early), "7affa5f3f36f89955f4ad806fcd5bd850730ca0e827f442abcd8f94e");
    let answer = transcript(&[MESSAGES[0], b"encrypted extensions", MESSAGES[1]]);
    let answer: [u8; 28] = expand(&psk, label::HANDSHAKE, Some(&answer));
    assert_eq!(hex(&answer), "b775123f28d49b0c025d6676d3598033001910e70ceab1e4d1532d86");

    let (half, seq) = (Half::of(&early), 0x0102_0304_0506_0708_u64);
    assert_eq!(hex(&half.nonce(seq)), "0730ca0e837d472eb9defe46");
    let additional = [&seq.to_be_bytes()[..], &[0x17, 0xF1, 0x04, 0, 32]].concat();
    assert_eq!(
        hex(&half.seal(seq, &additional, b"sixteen bytes...")),
        "9a6a93eab0bfebb188f11421b2e33760631ce854bea4e6517110baab3c084b8b"
    );
}
