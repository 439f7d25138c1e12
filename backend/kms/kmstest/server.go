// SPDX-License-Identifier: MPL-2.0

// Package kmstest is a KMS for tests.
//
// Three things may stand behind a kms.Key, and code that uses one should work
// with each:
//
//	a key file            nothing to set up
//	[Server]              speaks the AWS KMS protocol (JSON 1.1 over HTTP) with
//	                      real wrapping, counts calls, and fails when told to
//	[Moto]                moto_server, an independent implementation of AWS
//
// [RunSuite] is what all of them must do alike. The outages are Server's alone:
// moto_server neither throttles nor breaks.
//
// # Limits
//
// Server does not check signatures, only that there is one. It knows the two
// operations that Pouncet uses, and no keys but those it was started with.
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

// Region is the AWS region that the keys of this package say they are in.
const Region = "eu-west-1"

const (
	alias      = "alias/pouncet"
	otherAlias = "alias/other"

	// Credentials that open nothing. The secret is as long as a real one: it
	// keys an HMAC, which refuses a short one in FIPS 140-only mode.
	accessKeyID     = "AKIAPOUNCETTESTS"
	secretAccessKey = "not-a-secret-but-as-long-as-a-real-one.."
)

// Server is an AWS KMS with a key that goes by an alias, and a second one that
// [Other] names. Its methods are safe for concurrent use, take effect from the
// next request on and, where they are about a key, speak of the first.
type Server struct {
	http    *httptest.Server
	stopped chan struct{}

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

// New starts a server, which stops when the test ends.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{stopped: make(chan struct{}), keys: map[string]*key{}, aliases: map[string]string{}, calls: map[string]int{}}
	s.point(alias)
	s.point(otherAlias)
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(func() {
		close(s.stopped) // or Close would wait for the slow
		s.http.Close()
	})
	return s
}

// URI is the key's URI. It also sets the environment of the test, and of the
// processes it starts, so that the AWS SDK finds credentials that mean nothing
// and no configuration of this machine's user.
func (s *Server) URI(t testing.TB) string {
	t.Helper()
	setEnvironment(t)
	return uri(s.http.URL)
}

// Other is the URI of a second key, in the same KMS as the one that Server.URI
// or Moto named.
func Other(uri string) string { return strings.Replace(uri, alias, otherAlias, 1) }

func uri(endpoint string) string {
	return "aws-kms:///" + alias + "?" + url.Values{"endpoint": {endpoint}, "region": {Region}}.Encode()
}

func setEnvironment(t testing.TB) {
	t.Helper()
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "") // so that it is put back in the end
			_ = os.Unsetenv(name)
		}
	}
	t.Setenv("AWS_ACCESS_KEY_ID", accessKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", secretAccessKey)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
}

// Calls is how many requests for an operation ("Decrypt", "GenerateDataKey")
// have arrived, those that failed included.
func (s *Server) Calls(operation string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[operation]
}

// Throttle answers the next n requests with ThrottlingException.
func (s *Server) Throttle(n int) { s.set(func() { s.throttle = n }) }

// Fail answers the next n requests with KMSInternalException and status 500.
func (s *Server) Fail(n int) { s.set(func() { s.fail = n }) }

// HangUp breaks the next n answers off in the middle.
func (s *Server) HangUp(n int) { s.set(func() { s.hangUp = n }) }

// Down closes every connection without an answer.
func (s *Server) Down(down bool) { s.set(func() { s.down = down }) }

// Deny answers every request with AccessDeniedException.
func (s *Server) Deny(denied bool) { s.set(func() { s.denied = denied }) }

// Slow makes every request wait first.
func (s *Server) Slow(delay time.Duration) { s.set(func() { s.delay = delay }) }

// Disable disables the key, or enables it again.
func (s *Server) Disable(disabled bool) {
	s.set(func() {
		if k := s.keys[s.aliases[alias]]; k != nil {
			k.disabled = disabled
		}
	})
}

// DropKey deletes the key for good. The alias leads nowhere then.
func (s *Server) DropKey() { s.set(func() { delete(s.keys, s.aliases[alias]) }) }

// Repoint makes a new key and points the alias to it. The key before it stays,
// but no alias leads to it.
func (s *Server) Repoint() { s.set(func() { s.point(alias) }) }

func (s *Server) point(alias string) {
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

// account is what every ARN has between its region and what it names.
const account = ":111122223333:"

func (k *key) arn() string { return "arn:aws:kms:" + Region + account + "key/" + k.id }

// request and answer hold the fields of all operations.
type request struct {
	KeyID             string `json:"KeyId"`
	EncryptionContext map[string]string
	CiphertextBlob    []byte
}

type answer struct {
	KeyID          string `json:"KeyId,omitempty"`
	Plaintext      []byte `json:",omitempty"`
	CiphertextBlob []byte `json:",omitempty"`
}

// refusal is an error as AWS gives it.
type refusal struct {
	status int
	code   string
}

func (r *refusal) Error() string { return r.code }

func refuse(code string) error { return &refusal{http.StatusBadRequest, code} }

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	s.mu.Lock()
	s.calls[operation]++
	delay := s.delay
	s.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-s.stopped:
	}

	s.mu.Lock()
	down, hangUp := s.down, take(&s.hangUp)
	out, err := s.answer(operation, r)
	s.mu.Unlock()

	if down {
		panic(http.ErrAbortHandler) // closes the connection
	}
	status, body := http.StatusOK, []byte(nil)
	if refused, ok := errors.AsType[*refusal](err); ok {
		status = refused.status
		body, _ = json.Marshal(map[string]string{"__type": refused.code, "message": "kmstest says no"})
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

// take counts down.
func take(n *int) bool {
	if *n == 0 {
		return false
	}
	*n--
	return true
}

func (s *Server) answer(operation string, r *http.Request) (*answer, error) {
	switch {
	case take(&s.throttle):
		return nil, refuse("ThrottlingException")
	case take(&s.fail):
		return nil, &refusal{http.StatusInternalServerError, "KMSInternalException"}
	case !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential="):
		return nil, refuse("MissingAuthenticationTokenException")
	case s.denied:
		return nil, refuse("AccessDeniedException")
	}
	var in request
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, refuse("SerializationException")
	}
	switch operation {
	case "GenerateDataKey":
		return s.generateDataKey(in)
	case "Decrypt":
		return s.decrypt(in)
	}
	return nil, refuse("UnknownOperationException")
}

// find understands what AWS does: an alias, a key id, or the ARN of either.
func (s *Server) find(id string) (*key, error) {
	if _, resource, ok := strings.Cut(id, account); ok {
		id = strings.TrimPrefix(resource, "key/")
	}
	if target, ok := s.aliases[id]; ok {
		id = target
	}
	switch k, ok := s.keys[id]; {
	case !ok:
		return nil, refuse("NotFoundException")
	case k.disabled:
		return nil, refuse("DisabledException")
	default:
		return k, nil
	}
}

func (s *Server) generateDataKey(in request) (*answer, error) {
	k, err := s.find(in.KeyID)
	if err != nil {
		return nil, err
	}
	plaintext := make([]byte, 32)
	_, _ = rand.Read(plaintext)
	blob := k.aead.Seal([]byte(k.id), nil, plaintext, additionalData(in.EncryptionContext))
	return &answer{KeyID: k.arn(), Plaintext: plaintext, CiphertextBlob: blob}, nil
}

func (s *Server) decrypt(in request) (*answer, error) {
	const idSize = 36
	if len(in.CiphertextBlob) < idSize {
		return nil, refuse("InvalidCiphertextException")
	}
	wrappedBy, sealed := string(in.CiphertextBlob[:idSize]), in.CiphertextBlob[idSize:]
	if in.KeyID == "" {
		in.KeyID = wrappedBy // as AWS does
	}
	k, err := s.find(in.KeyID)
	if err != nil {
		return nil, err
	}
	if k.id != wrappedBy {
		return nil, refuse("IncorrectKeyException")
	}
	plaintext, err := k.aead.Open(nil, nil, sealed, additionalData(in.EncryptionContext))
	if err != nil {
		return nil, refuse("InvalidCiphertextException")
	}
	return &answer{KeyID: k.arn(), Plaintext: plaintext}, nil
}

// additionalData is an encryption context as AES-GCM takes it.
func additionalData(encryptionContext map[string]string) []byte {
	var out []byte
	for _, name := range slices.Sorted(maps.Keys(encryptionContext)) {
		for _, part := range []string{name, encryptionContext[name]} {
			out = append(binary.BigEndian.AppendUint32(out, uint32(len(part))), part...)
		}
	}
	return out
}
