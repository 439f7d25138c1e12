// SPDX-License-Identifier: MPL-2.0

package push_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/kms/kmstest"
	"github.com/pouncet/terraform-provider-pouncet/backend/merkle"
	"github.com/pouncet/terraform-provider-pouncet/backend/push"
)

func parse(t *testing.T, text string) push.Target {
	t.Helper()
	target, err := push.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func TestWrongTargetsAreRefusedWithoutTheirSecrets(t *testing.T) {
	for _, text := range []string{"", "ftp://host/hidden", "https://user:hidden@host/", "https://hidden@host/",
		"http://example.com/hidden", "https:///hidden", "https://host/#hidden", "s3:///hidden", "s3://u:hidden@bucket/key",
		"s3://bucket/key?secret=hidden", "s3://bucket/key?endpoint=http://example.com/hidden",
		"s3://bucket/key?endpoint=https://u:hidden@host", "s3://bucket/key?region=a&region=hidden", "file://host/hidden",
		"https://[hidden"} {
		_, err := push.Parse(text)
		if !errors.Is(err, backend.ErrInvalid) {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if strings.Contains(err.Error(), "hidden") {
			t.Errorf("%q: the error shows it: %v", text, err)
		}
	}
}

func TestAFileIsReplacedAndAFolderKeepsAll(t *testing.T) {
	folder := t.TempDir()
	for _, text := range []string{filepath.Join(folder, "one.txt"), "file://" + filepath.ToSlash(folder) + "/two.txt",
		folder + "/", "file:" + folder + "/sub/"} {
		target := parse(t, text)
		if err := os.MkdirAll(filepath.Join(folder, "sub"), 0o700); err != nil {
			t.Fatal(err)
		}
		if note, err := target.Latest(t.Context()); note != nil || err != nil {
			t.Errorf("%s: before: %q, %v", text, note, err)
		}
		for _, name := range []string{"pouncet-d-1.txt", "pouncet-d-2.txt"} {
			if _, err := target.Put(t.Context(), name, []byte(name)); err != nil {
				t.Fatal(err)
			}
		}
		if note, err := target.Latest(t.Context()); string(note) != "pouncet-d-2.txt" || err != nil {
			t.Errorf("%s: the latest is %q, %v", text, note, err)
		}
	}
	for _, name := range []string{"one.txt", "two.txt", "pouncet-d-1.txt", "pouncet-d-2.txt", "sub/pouncet-d-1.txt"} {
		if _, err := os.Stat(filepath.Join(folder, filepath.FromSlash(name))); err != nil {
			t.Error(err)
		}
	}
	if _, err := parse(t, filepath.Join(folder, "missing", "x")).Put(t.Context(), "n", nil); !errors.Is(err,
		backend.ErrUnavailable) {
		t.Errorf("a missing folder: %v", err)
	}
}

func TestAWebhookGetsTheCheckpoint(t *testing.T) {
	var got []string
	status := http.StatusNoContent
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, r.Method+" "+r.URL.Path+" "+r.Header.Get("Pouncet-Checkpoint")+" "+string(body))
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	}))
	defer s.Close()
	target := parse(t, s.URL+"/hooks/hidden")
	if _, err := target.Put(t.Context(), "name.txt", []byte("note")); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0] != "POST /hooks/hidden name.txt note" {
		t.Errorf("the webhook got %q", got)
	}
	for _, status = range []int{http.StatusFound, http.StatusTemporaryRedirect, http.StatusForbidden, 500} {
		got = nil
		_, err := target.Put(t.Context(), "name.txt", []byte("note"))
		if !errors.Is(err, backend.ErrUnavailable) || strings.Contains(err.Error(), "hidden") || len(got) != 1 {
			t.Errorf("status %d: %v after %d requests", status, err, len(got))
		}
	}
	s.Close()
	if _, err := target.Put(t.Context(), "n", nil); !errors.Is(err, backend.ErrUnavailable) ||
		strings.Contains(err.Error(), "hidden") {
		t.Errorf("without a server: %v", err)
	}
}

// A webhook cannot say which checkpoint it has, so the server compares with its own copy.
func TestAfterARestartTheCopyIsCompared(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	var warned []string
	start := func(log *testLog, file string) error {
		p := push.NewPusher(log, parse(t, s.URL), push.MinInterval)
		p.Copy, p.Warn = file, func(text string) { warned = append(warned, text) }
		_, err := p.Push(t.Context())
		return err
	}
	file := filepath.Join(t.TempDir(), "last.txt")
	for n := range 2 {
		log := &testLog{}
		if err := start(log, file); err != nil || len(log.known[0]) != n || len(warned) > 0 {
			t.Errorf("start %d: %v, compares with %v, %v", n, err, log.known, warned)
		}
	}
	if err := os.WriteFile(file, []byte("foreign"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := start(&testLog{}, file); err == nil {
		t.Error("a foreign copy was replaced")
	}
	if err := start(&testLog{}, ""); err != nil || len(warned) != 1 || !strings.Contains(warned[0], "no earlier one") {
		t.Errorf("without a copy: %v, %v", err, warned)
	}
	if err := start(&testLog{}, filepath.Join(file, "x")); err == nil {
		t.Error("a copy below a file is accepted")
	}
}

func TestABucketKeepsCheckpoints(t *testing.T) {
	endpoint := kmstest.StartMoto(t)
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing-secret",
		"AWS_REGION": "eu-central-1", "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE": os.DevNull} {
		t.Setenv(name, value)
	}
	if _, err := parse(t, "s3://audit/?endpoint="+endpoint).Put(t.Context(), "n", nil); err == nil ||
		!strings.Contains(err.Error(), "NoSuchBucket") {
		t.Errorf("a missing bucket: %v", err)
	}
	makeBucket(t, endpoint+"/audit")
	for _, key := range []string{"", "log s/ü+/", "one.txt"} {
		target := parse(t, "s3://audit/"+key+"?endpoint="+endpoint)
		if note, err := target.Latest(t.Context()); note != nil || err != nil {
			t.Errorf("%s: before: %q, %v", target, note, err)
		}
		for _, name := range []string{"a.txt", "b.txt"} {
			if _, err := target.Put(t.Context(), name, []byte(name)); err != nil {
				t.Fatal(err)
			}
		}
		if note, err := target.Latest(t.Context()); string(note) != "b.txt" || err != nil {
			t.Errorf("%s: the latest is %q, %v", target, note, err)
		}
	}
	for key, want := range map[string]string{"a.txt": "a.txt", "log s/ü+/a.txt": "a.txt", "one.txt": "b.txt"} {
		if note, err := parse(t, "s3://audit/"+key+"?endpoint="+endpoint).Latest(t.Context()); string(note) != want {
			t.Errorf("%s: %q, %v", key, note, err)
		}
	}
	t.Setenv("AWS_REGION", "")
	_, err := parse(t, "s3://audit/x?endpoint="+endpoint).Put(t.Context(), "n", nil)
	if !errors.Is(err, backend.ErrInvalid) || !strings.Contains(err.Error(), "has no region") {
		t.Errorf("without a region: %v", err)
	}
	if _, err := parse(t, "s3://audit/x?region=eu-central-1&endpoint="+endpoint).Put(t.Context(), "n", nil); err != nil {
		t.Errorf("with a region in the address: %v", err)
	}
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
		t.Setenv(name, "")
	}
	_, err = parse(t, "s3://audit/x?region=eu-central-1&endpoint="+endpoint).Put(t.Context(), "n", nil)
	if !errors.Is(err, backend.ErrUnavailable) || !strings.Contains(err.Error(), "no AWS credentials") {
		t.Errorf("without credentials: %v", err)
	}
}

// makeBucket makes a bucket in moto_server, which does not verify signatures.
func makeBucket(t *testing.T, address string) {
	t.Helper()
	body := strings.NewReader(`<CreateBucketConfiguration><LocationConstraint>eu-central-1</LocationConstraint>` +
		`</CreateBucketConfiguration>`)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, address, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=testing/20260101/eu-central-1/s3/aws4_request, "+
		"SignedHeaders=host, Signature=x")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("making the bucket gives status %d", resp.StatusCode)
	}
}

// testLog is a log that fails with err.
type testLog struct {
	err   error
	known [][]merkle.Head
}

func (l *testLog) NextCheckpoint(_ context.Context, known []merkle.Head) ([]byte, error) {
	l.known = append(l.known, known)
	return []byte("note"), l.err
}

func (l *testLog) OpenCheckpoint(_ context.Context, note []byte) (merkle.Checkpoint, error) {
	if string(note) == "foreign" {
		return merkle.Checkpoint{}, backend.Errorf(backend.CodeInvalid, "the checkpoint is not valid")
	}
	return merkle.Checkpoint{Deployment: "d", Heads: []merkle.Head{{Size: int64(len(note))}}}, nil
}

func TestAFailedPushIsAProblemUntilOneSucceeds(t *testing.T) {
	file := filepath.Join(t.TempDir(), "checkpoint.txt")
	log := &testLog{}
	p := push.NewPusher(log, parse(t, file), push.MinInterval)
	if _, err := p.Push(t.Context()); err != nil || p.Problem() != nil || p.Pushed.Load() != 1 || p.At.Load() == 0 {
		t.Fatalf("%v, problem %v", err, p.Problem())
	}
	log.err = backend.Errorf(backend.CodeCorrupt, "the log does not continue").WithHint("compare it")
	if _, err := p.Push(t.Context()); err == nil || p.Problem() == nil || p.Failed.Load() != 1 ||
		!errors.Is(p.Problem(), backend.ErrCorrupt) || !strings.Contains(p.Problem().Error(), "the log does not continue") {
		t.Errorf("%v, problem %v", err, p.Problem())
	}
	log.err = nil
	if _, err := p.Push(t.Context()); err != nil || p.Problem() != nil {
		t.Errorf("%v, problem %v", err, p.Problem())
	}
	// A new process begins with the checkpoint that the target has.
	again := &testLog{}
	if _, err := push.NewPusher(again, parse(t, file), push.MinInterval).Push(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(log.known[0]) != 0 || len(again.known[0]) != 1 {
		t.Errorf("the first push compares with %v, that of a new process with %v", log.known[0], again.known[0])
	}
	if err := os.WriteFile(file, []byte("foreign"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := push.NewPusher(&testLog{}, parse(t, file), push.MinInterval).Push(t.Context()); err == nil {
		t.Error("a foreign checkpoint was replaced")
	}
}
