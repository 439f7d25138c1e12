// SPDX-License-Identifier: MPL-2.0

// Package envelope encrypts secret values and decides which key opens which value.
//
// # The keys, from the top
//
//	KMS key               never leaves the KMS (or the key file)
//	   │ wraps
//	environment key       32 bytes, one per (project, environment). The database stores it wrapped.
//	   │                  A Keyring keeps it in memory for minutes.
//	   │ derives (HKDF-SHA256)
//	   ├── value key      AES-256-GCM, from 32 random bytes of salt. It seals one version of one secret.
//	   ├── commitment     from the same salt. It shows which environment key sealed the value.
//	   └── row key        HMAC-SHA256, without a salt. It signs the rows that describe the values.
//
// The KMS gets one call per environment key, not one per secret. To open 10,000 secrets of one environment costs one
// call, and to seal them costs one call. Without the KMS key, nothing below it can be opened.
//
// # What a sealed value is bound to
//
// A value opens only with the [Binding] that it was sealed with. The binding, the deployment and the id of the
// environment key are the additional data of AES-GCM. So a value does not open after it was copied to another row,
// environment or database, after it took the place of another version, or after its type changed. The row that says
// which version of which name is current lies outside of the value. [Key.MAC] signs that row.
//
// With AES-GCM alone, someone who has two keys can make one ciphertext that opens under both, to different values.
// The commitment prevents this. It is compared before anything is opened. See Albertini et al., "How to Abuse and Fix
// Authenticated Encryption Without Key Commitment", 2022.
//
// # Sealed values, format 1
//
//	version | salt | commitment | nonce | ciphertext | tag
//	   1    |  32  |     32     |  12   |    n       | 16
//
// Every value has its own key, so the limits of SP 800-38D on the number of random nonces per key do not restrict the
// number of values.
//
// # Limits
//
// Sealing does not hide the length of a value: a sealed value is Overhead bytes longer than the value.
//
// This package cannot detect a deleted row, or a database that was replaced by an older copy. Only a record outside of
// the database could show either.
//
// Someone who can write to the database can put their own environment key there, wrapped by their own KMS key and
// stored with its URI. That key opens nothing that was sealed before, but they could read values that are sealed after
// that. Options.OpenKey can refuse KMS keys that the configuration does not name, and package open does so.
//
// Keys are in ordinary memory. They are not wiped, and they can be swapped to disk or dumped. They are never printed.
package envelope
