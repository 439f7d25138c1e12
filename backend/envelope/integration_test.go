// SPDX-License-Identifier: MPL-2.0

package envelope_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/envelope"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms/kmstest"
)

func TestTenThousandValuesCostOneKMSCall(t *testing.T) {
	s := kmstest.New(t)
	uri := s.URI(t)
	w, writer := generate(t, envelope.New(envelope.Options{Deployment: "d"}), uri)
	sealed := make([][]byte, 10_000)
	for i := range sealed {
		b := binding
		b.Object = fmt.Sprint(i)
		var err error
		if sealed[i], err = writer.Seal(b, []byte(b.Object)); err != nil {
			t.Fatal(err)
		}
	}
	reader := envelope.New(envelope.Options{Deployment: "d"})
	for i := range sealed {
		k, err := reader.Key(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		b := binding
		b.Object = fmt.Sprint(i)
		if got, err := k.Open(b, sealed[i]); err != nil || string(got) != b.Object {
			t.Fatalf("value %d: %v", i, err)
		}
	}
	if made, unwrapped := s.Calls("GenerateDataKey"), s.Calls("Decrypt"); made != 1 || unwrapped != 1 {
		t.Errorf("%d calls to write and %d to read, want 1 and 1", made, unwrapped)
	}
}

// An environment key opens in another process, and not in another deployment or place.
func TestEnvironmentKeyWithEachKMS(t *testing.T) {
	for name, uri := range map[string]func(t *testing.T) string{
		"key file": func(t *testing.T) string { return newKeyFile(t) },
		"kmstest":  func(t *testing.T) string { return kmstest.New(t).URI(t) },
		"moto":     func(t *testing.T) string { return kmstest.Moto(t) },
	} {
		t.Run(name, func(t *testing.T) {
			w, k := generate(t, envelope.New(envelope.Options{Deployment: "d"}), uri(t))
			sealed := seal(t, k, "value")
			mac := k.MAC([]byte("row"))

			again, err := envelope.New(envelope.Options{Deployment: "d"}).Key(t.Context(), w)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := again.Open(binding, sealed); err != nil || string(got) != "value" {
				t.Errorf("another process cannot open the value: %v", err)
			}
			if !again.VerifyMAC(mac, []byte("row")) {
				t.Error("another process cannot verify the row")
			}

			other := envelope.New(envelope.Options{Deployment: "another"})
			if _, err := other.Key(t.Context(), w); !errors.Is(err, backend.ErrKeyUnusable) {
				t.Errorf("another deployment: got %v, want ErrKeyUnusable", err)
			}
			for field, change := range map[string]func(w *envelope.WrappedKey){
				"project":     func(w *envelope.WrappedKey) { w.Project = "another" },
				"environment": func(w *envelope.WrappedKey) { w.Environment = "another" },
				"id":          func(w *envelope.WrappedKey) { w.ID = "another" },
			} {
				moved := w
				change(&moved)
				r := envelope.New(envelope.Options{Deployment: "d"})
				if _, err := r.Key(t.Context(), moved); !errors.Is(err, backend.ErrKeyUnusable) {
					t.Errorf("moved to another %s: got %v, want ErrKeyUnusable", field, err)
				}
			}
		})
	}
}

func TestOutageOverHTTP(t *testing.T) {
	s := kmstest.New(t)
	start := time.Now()
	var passed atomic.Int64
	now := func() time.Time { return start.Add(time.Duration(passed.Load())) }
	r := envelope.New(envelope.Options{Deployment: "d", Now: now})
	w, _ := generate(t, r, s.URI(t))

	s.Down(true)
	passed.Add(int64(10 * time.Minute))
	if _, err := r.Key(t.Context(), w); err != nil {
		t.Errorf("in an outage, with a cached key: %v", err)
	}
	if got := r.Health(); len(got) != 1 || !errors.Is(got[0].Err, backend.ErrUnavailable) {
		t.Errorf("health does not report the outage: %v", got)
	}

	// The call of the outage may still run, and the next read waits for it. A later read makes a new call.
	s.Down(false)
	s.Disable(true)
	var err error
	for range 100 {
		passed.Add(int64(20 * time.Second))
		if _, err = r.Key(t.Context(), w); err != nil {
			break
		}
	}
	if !errors.Is(err, backend.ErrKeyUnusable) {
		t.Errorf("disabled: got %v, want ErrKeyUnusable", err)
	}

	s.Disable(false)
	if _, err := r.Key(t.Context(), w); err != nil {
		t.Errorf("after the key was enabled again: %v", err)
	}
}

// TestFIPSOnly runs the tests of this package again, in a process whose cryptography refuses everything that FIPS 140-3
// does not approve.
func TestFIPSOnly(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.v", "-test.skip=^TestFIPSOnly$")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=only")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(out), "--- PASS: TestSealAndOpen") {
		t.Errorf("the tests did not run:\n%s", out)
	}
}
