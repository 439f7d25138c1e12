// SPDX-License-Identifier: MPL-2.0

// Package stored lists the strings that are part of stored or signed bytes.
//
// A label is an input of a key derivation, of additional data, of an encryption
// context or of a MAC, or it begins a stored form. Values that were written
// under one label do not open under another. So these strings never change,
// also where the product has a better word by now (ContextEnvironmentKey). A
// new format gets new labels beside the old ones.
//
// Kinds, scopes and the pseudo-environment are signed too. They are constants
// of package backend, and the test of this package pins them as well.
package stored

// Package envelope derives keys and binds values with these.
const (
	// SealedValue begins the additional data of a sealed value, format 1.
	SealedValue = "pouncet sealed value v1"
	// ValueKey is the HKDF info of a value's key and commitment.
	ValueKey = SealedValue + " key and commitment"
	// SealedValue2 and ValueKey2 are the same for format 2.
	SealedValue2 = "pouncet sealed value v2"
	ValueKey2    = SealedValue2 + " key and commitment"
	// RowKey is the HKDF info of the key that signs rows with an environment key.
	RowKey = "pouncet row mac v1"
)

// Package signed derives keys from the deployment key with these, and begins the bytes of a row with the others.
const (
	// DeploymentRowKey is the HKDF info of the key that signs rows of any kind.
	DeploymentRowKey = "pouncet deployment row mac v2"
	// StateSummand is the HKDF info of the key that maps rows to the summands of a state.
	StateSummand = "pouncet state summand v2"
	// RevisionToken is the HKDF info of the key that encrypts revision tokens. No token is stored.
	RevisionToken = "pouncet revision token v1"
	// SessionCookie is the HKDF info of the key that seals the sessions of the dashboard. No session is stored.
	SessionCookie = "pouncet session cookie v1"

	// SessionToken is the HKDF info of the key that seals the tokens of sessions. No session is stored.
	SessionToken = "pouncet session token v1"

	// LogHeadKey is the HKDF info of the key that signs the heads of the audit log. It has its own key, because a process
	// keeps that longer than the deployment key.
	LogHeadKey = "pouncet log head mac v1"
	// CheckpointKey is the HKDF info of the Ed25519 key that signs checkpoints of the audit log.
	CheckpointKey = "pouncet audit checkpoint v1"

	// SessionData is the additional data of a sealed session of the dashboard. Only the browser keeps the session.
	SessionData = "session of the dashboard, form 2"

	// ValueTag is the HKDF info of the key that tells equal values of a project.
	ValueTag = "pouncet value tag v1"

	ObjectRow         = "object v2"
	VersionRow        = "version v2"
	EnvironmentKeyRow = "environment key v2"
	TokenRow          = "token v2"
	IdempotencyRow    = "idempotency record v2"
	StateRow          = "state v2"
	LogHead           = "log head v1"
)

// DeploymentKey is the project and the environment in the encryption context of the deployment key. Neither can be the
// id of a project or an environment.
const DeploymentKey = "deployment"

// The names in the encryption context of an environment key. The KMS checks
// them, and its policies and logs show them.
const (
	ContextDeployment     = "pouncet:deployment"
	ContextProject        = "pouncet:project"
	ContextEnvironment    = "pouncet:environment"
	ContextEnvironmentKey = "pouncet:scope-key"
)

// Package kms writes and derives these for a key file.
const (
	// KeyFile names the format of a key file, in the file itself.
	KeyFile = "pouncet-file-key-v1"
	// KeyFileID is the HKDF info of a file key's id.
	KeyFileID = KeyFile + " id"
	// KeyFileWrap is the HKDF info of the key that wraps data keys.
	KeyFileWrap = KeyFile + " wrap"
)

// Package engine signs rows and binds values with these.
const (
	// Row is the first field of the MAC over an object's row.
	Row = "row"
	// DeletedKind begins the kind of a deleted row that can be restored.
	DeletedKind = "deleted_"
	// KeptKind begins the kind of a row in a deleted environment, with which it can
	// be restored.
	KeptKind = "kept_"
	// BuiltInType begins the id of a built-in secret type.
	BuiltInType = "builtin:"
)

// TokenPrefix begins every token. The checksum and the stored hash of a token
// cover it.
const TokenPrefix = "pnct_"

// HeldName begins the name of a row that waits without its own name. No other name can begin with it.
const HeldName = "~"

// SessionPrefix begins the token of every session.
const SessionPrefix = "pncs_"

// LoginKey begins the key of the idempotency record of an identity token, which is accepted once.
const LoginKey = "login "

// EndedKey begins the key of the idempotency record of a session of the dashboard that has ended before its time.
const EndedKey = "ended "

// BegunKey begins the key of the idempotency record of a session of the dashboard, with which all servers list it.
const BegunKey = "began "

// ReservedKeys are the beginnings of idempotency keys that Pouncet uses itself. A change set cannot have such a key.
var ReservedKeys = []string{LoginKey, EndedKey, BegunKey}

// Package merkle writes these into the signed text of a checkpoint, which people keep outside Pouncet.
const (
	// CheckpointTitle is the first line.
	CheckpointTitle = "pouncet audit checkpoint v1"
	// CheckpointOrigin begins the name of the signer and the name of each log.
	CheckpointOrigin = "pouncet/"
	// CheckpointFirst is before the number of the first record of a log, in the name of the log.
	CheckpointFirst = " from "
)
