// SPDX-License-Identifier: MPL-2.0

// Package envelope encrypts secret values, and decides which key opens what.
//
// # The keys, from the top
//
//	KMS key        never leaves the KMS (or the key file)
//	   │ wraps
//	environment key      32 bytes, one per (project, environment); stored wrapped,
//	   │           held in memory for minutes by a Keyring
//	   │ derives, with 32 fresh random bytes of salt (HKDF-SHA256)
//	   ├── value key      AES-256-GCM, seals one version of one secret, then is forgotten
//	   ├── commitment     says which environment key a sealed value is under
//	   └── row key        HMAC-SHA256, without a salt: signs the rows around the values
//
// The KMS is asked once per environment key, not once per secret: opening ten
// thousand secrets of an environment costs one call, and so does sealing them.
// Taking the KMS key away takes everything below it away.
//
// # What a sealed value is tied to
//
// A value opens only as what it was sealed as. A [Binding] (with what the key
// knows itself: the deployment and its own id) goes into the additional data of
// AES-GCM: copied to another row, another environment or another database, made
// an older version's stand-in, or given another type, it does not open. Which
// row is the current version of which name is outside of any value; that mapping
// is signed by [Key.MAC].
//
// AES-GCM alone lets whoever has two keys craft one ciphertext that opens under
// both, to different values. The commitment, compared before anything is
// opened, rules that out (see Albertini et al., "How to Abuse and Fix
// Authenticated Encryption Without Key Commitment", 2022).
//
// # Sealed values, format 1
//
//	version | salt | commitment | nonce | ciphertext | tag
//	   1    |  32  |     32     |  12   |    n       | 16
//
// Every value has a key of its own, so no number of values wears a key out: the
// limits of SP 800-38D on random nonces are met by the salt.
//
// # Limits
//
// Length is not hidden: a sealed value is Overhead bytes longer than the value.
//
// A deleted row leaves no trace here, and a database set back as a whole to an
// earlier day is whole: that needs an anchor outside of it.
//
// Whoever can write to the database can put an environment key of their own there,
// wrapped under a KMS key of their own whose URI stands beside it. It opens
// nothing that was sealed before, but values sealed from then on would be
// theirs to read. Options.OpenKey is the place to refuse KMS keys that the
// configuration does not know, and package open does so.
//
// Keys in memory are plain memory: they are not wiped, and can be swapped or
// dumped. What is done is that they are not printed.
package envelope
