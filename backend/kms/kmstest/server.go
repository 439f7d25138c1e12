// SPDX-License-Identifier: MPL-2.0

// Package kmstest provides KMS keys for tests.
//
// Code that uses a kms.Key should work with each of these:
//
//	a key file            needs no setup
//	[Server]              speaks the AWS KMS protocol (JSON 1.1 over HTTP), really wraps keys,
//	                      counts calls and simulates failures
//	[Moto]                moto_server, an independent implementation of AWS
//
// [RunSuite] tests what all of them have in common. Only Server simulates failures: moto_server does not throttle or
// fail.
//
// # Limits
//
// Server does not verify signatures; it checks only that a request has one. It supports the two operations that Pouncet
// uses and two keys.
package kmstest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Region is the AWS region of all keys of this package.
const Region = "eu-west-1"

const (
	alias      = "alias/pouncet"
	otherAlias = "alias/other"

	// These credentials are not real. The secret is as long as a real one, because HMAC refuses a short key in FIPS
	// 140-only mode.
	accessKeyID     = "AKIAPOUNCETTESTS"
	secretAccessKey = "not-a-secret-but-as-long-as-a-real-one.."
)

// Server is an AWS KMS with two keys. URI names the first key by its alias, and [Other] names the second. The methods
// are safe for concurrent use and take effect with the next request. Methods that change a key change the first one.
type Server struct {
	http    *httptest.Server
	closing chan struct{}

	mu       sync.Mutex
	keys     map[string]*key   // by id
	aliases  map[string]string // alias to id
	calls    map[string]int
	throttle int
	fail     int
	hangUp   int
	down     bool
	denied   bool
	delay    time.Duration
}

type key struct {
	id       string
	aead     cipher.AEAD
	disabled bool
}

// New starts a server and stops it when the test ends.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{
		closing: make(chan struct{}), keys: map[string]*key{}, aliases: map[string]string{}, calls: map[string]int{},
	}
	s.setAlias(alias)
	s.setAlias(otherAlias)
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(func() {
		close(s.closing) // otherwise Close would wait for delayed requests
		s.http.Close()
	})
	return s
}

// URI returns the URI of the first key. It also sets the environment of the test and of its child processes, so that
// the AWS SDK uses test credentials and ignores the AWS configuration of the machine's user.
func (s *Server) URI(t testing.TB) string {
	t.Helper()
	setEnvironment(t)
	return uri(s.http.URL)
}

// Other returns the URI of the second key in the same KMS. It takes the URI from Server.URI or Moto.
func Other(uri string) string { return strings.Replace(uri, alias, otherAlias, 1) }

func uri(endpoint string) string {
	return "aws-kms:///" + alias + "?" + url.Values{"endpoint": {endpoint}, "region": {Region}}.Encode()
}

func setEnvironment(t testing.TB) {
	t.Helper()
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "") // so that the test restores it at the end
			_ = os.Unsetenv(name)
		}
	}
	t.Setenv("AWS_ACCESS_KEY_ID", accessKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secretAccessKey)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
}

// Calls returns the number of requests for an operation ("Decrypt", "GenerateDataKey"), including failed ones.
func (s *Server) Calls(operation string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[operation]
}

// Throttle makes the next n requests fail with ThrottlingException.
func (s *Server) Throttle(n int) { s.set(func() { s.throttle = n }) }

// Fail makes the next n requests fail with KMSInternalException and status 500.
func (s *Server) Fail(n int) { s.set(func() { s.fail = n }) }

// HangUp cuts the next n responses off in the middle.
func (s *Server) HangUp(n int) { s.set(func() { s.hangUp = n }) }

// Down closes every connection without a response.
func (s *Server) Down(down bool) { s.set(func() { s.down = down }) }

// Deny makes every request fail with AccessDeniedException.
func (s *Server) Deny(denied bool) { s.set(func() { s.denied = denied }) }

// Slow delays every response.
func (s *Server) Slow(delay time.Duration) { s.set(func() { s.delay = delay }) }

// Disable disables the key, or enables it again.
func (s *Server) Disable(disabled bool) {
	s.set(func() {
		if k := s.keys[s.aliases[alias]]; k != nil {
			k.disabled = disabled
		}
	})
}

// DropKey deletes the key. The alias then names a missing key.
func (s *Server) DropKey() { s.set(func() { delete(s.keys, s.aliases[alias]) }) }

// Repoint makes a new key and points the alias to it. The earlier key still exists, but has no alias.
func (s *Server) Repoint() { s.set(func() { s.setAlias(alias) }) }

// setAlias makes a new key and points the alias to it.
func (s *Server) setAlias(alias string) {
	k := newKey()
	s.keys[k.id], s.aliases[alias] = k, k.id
}

func (s *Server) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func newKey() *key {
	var b [48]byte
	_, _ = rand.Read(b[:])
	block, err := aes.NewCipher(b[:32])
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	u := b[32:]
	return &key{id: fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:]), aead: aead}
}

// account is the part of every ARN between the region and the resource.
const account = ":111122223333:"

func (k *key) arn() string { return "arn:aws:kms:" + Region + account + "key/" + k.id }

// request holds the fields of both operations.
type request struct {
	KeyID             string `json:"KeyId"`
	EncryptionContext map[string]string
	CiphertextBlob    []byte
	Plaintext         []byte
}

// response holds the fields of all operations.
type response struct {
	KeyID          string `json:"KeyId,omitempty"`
	Plaintext      []byte `json:",omitempty"`
	CiphertextBlob []byte `json:",omitempty"`
}

// kmsError is an error response of AWS.
type kmsError struct {
	status int
	code   string
}

func (e *kmsError) Error() string { return e.code }

func refusal(code string) error { return &kmsError{http.StatusBadRequest, code} }

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	s.mu.Lock()
	s.calls[operation]++
	delay := s.delay
	s.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-s.closing:
	}

	s.mu.Lock()
	down, hangUp := s.down, countDown(&s.hangUp)
	out, err := s.respond(operation, r)
	s.mu.Unlock()

	if down {
		panic(http.ErrAbortHandler) // closes the connection
	}
	status, body := http.StatusOK, []byte(nil)
	if refused, ok := errors.AsType[*kmsError](err); ok {
		status = refused.status
		body, _ = json.Marshal(map[string]string{"__type": refused.code, "message": "kmstest refuses"})
	} else {
		body, _ = json.Marshal(out)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("Content-Length", fmt.Sprint(len(body)))
	w.WriteHeader(status)
	if hangUp {
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(body)
}

// countDown decrements n and reports whether it was above zero.
func countDown(n *int) bool {
	if *n == 0 {
		return false
	}
	*n--
	return true
}

func (s *Server) respond(operation string, r *http.Request) (*response, error) {
	switch {
	case countDown(&s.throttle):
		return nil, refusal("ThrottlingException")
	case countDown(&s.fail):
		return nil, &kmsError{http.StatusInternalServerError, "KMSInternalException"}
	case !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential="):
		return nil, refusal("MissingAuthenticationTokenException")
	case s.denied:
		return nil, refusal("AccessDeniedException")
	}
	var in request
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, refusal("SerializationException")
	}
	switch operation {
	case "GenerateDataKey":
		return s.generateDataKey(in)
	case "Encrypt":
		return s.encrypt(in)
	case "Decrypt":
		return s.decrypt(in)
	}
	return nil, refusal("UnknownOperationException")
}

// keyByID accepts an alias, a key id or the ARN of either, as AWS does.
func (s *Server) keyByID(id string) (*key, error) {
	if _, resource, ok := strings.Cut(id, account); ok {
		id = strings.TrimPrefix(resource, "key/")
	}
	if target, ok := s.aliases[id]; ok {
		id = target
	}
	switch k, ok := s.keys[id]; {
	case !ok:
		return nil, refusal("NotFoundException")
	case k.disabled:
		return nil, refusal("DisabledException")
	default:
		return k, nil
	}
}

func (s *Server) generateDataKey(in request) (*response, error) {
	k, err := s.keyByID(in.KeyID)
	if err != nil {
		return nil, err
	}
	plaintext := make([]byte, 32)
	_, _ = rand.Read(plaintext)
	return &response{KeyID: k.arn(), Plaintext: plaintext, CiphertextBlob: k.wrap(plaintext, in)}, nil
}

func (s *Server) encrypt(in request) (*response, error) {
	k, err := s.keyByID(in.KeyID)
	if err != nil {
		return nil, err
	}
	return &response{KeyID: k.arn(), CiphertextBlob: k.wrap(in.Plaintext, in)}, nil
}

func (k *key) wrap(plaintext []byte, in request) []byte {
	return k.aead.Seal([]byte(k.id), nil, plaintext, additionalData(in.EncryptionContext))
}

func (s *Server) decrypt(in request) (*response, error) {
	const idSize = 36
	if len(in.CiphertextBlob) < idSize {
		return nil, refusal("InvalidCiphertextException")
	}
	wrappedBy, sealed := string(in.CiphertextBlob[:idSize]), in.CiphertextBlob[idSize:]
	if in.KeyID == "" {
		in.KeyID = wrappedBy // as AWS does
	}
	k, err := s.keyByID(in.KeyID)
	if err != nil {
		return nil, err
	}
	if k.id != wrappedBy {
		return nil, refusal("IncorrectKeyException")
	}
	plaintext, err := k.aead.Open(nil, nil, sealed, additionalData(in.EncryptionContext))
	if err != nil {
		return nil, refusal("InvalidCiphertextException")
	}
	return &response{KeyID: k.arn(), Plaintext: plaintext}, nil
}

// additionalData encodes an encryption context for AES-GCM.
func additionalData(encryptionContext map[string]string) []byte {
	var out []byte
	for _, name := range slices.Sorted(maps.Keys(encryptionContext)) {
		for _, part := range []string{name, encryptionContext[name]} {
			out = append(binary.BigEndian.AppendUint32(out, uint32(len(part))), part...)
		}
	}
	return out
}
