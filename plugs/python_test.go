// SPDX-License-Identifier: MPL-2.0

package plugs_test

import (
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// python runs a script that can import the helper.
func (w *testBackend) python(script string, env ...string) result {
	w.t.Helper()
	folder, err := filepath.Abs("python")
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := w.command(w.t.TempDir(), onPath(w.t, "python3"), "-B", "-c", script)
	cmd.Env = append(append(cmd.Env, "PYTHONPATH="+folder, "PYTHONUTF8=1"), env...)
	return w.run(cmd)
}

const pythonScript = `
import json, pouncet
from pouncet import *

def error(f, *args, **kwargs):
    try:
        f(*args, **kwargs)
    except PouncetError as e:
        assert e.__context__ is None and e.__cause__ is None, "the error is chained to another one"
        return type(e).__name__ + ": " + str(e)

print(json.dumps([
    get_secret_value("db_password", env="prod"),
    get_secret_value("db_password", "prod", version="previous"),
    get_secret_value("db_password", "prod", version=1),
    get_secret_value("pin"),
    get_secret_value("warehouse", field="host"),
    list(get_secret_values(["pin", "db_password", "pin"]).items()),
    get_secret_values([]),
    get_secret_values(["pin", "absent"], default=None),
    get_value("settings", field="level"),
    list(get_secret_bytes("keystore")),
    get_secret_value("absent", default="d"),
    error(get_secret_value, "pim"),
    error(get_secret_value, "pin", env="dev"),
    error(get_secret_value, "pin", env="nowhere", default="not this"),
    error(get_secret_value, "--help"),
    error(get_secret_value, "keystore"),
    error(get_secret_value, 3),
    error(get_secret_values, ["pin", "pim"]),
], ensure_ascii=False))
`

// The helper gives the same results with a server and with the program.
func TestPython(t *testing.T) {
	w := newTestBackend(t)
	embedded := w.python(pythonScript, "POUNCET_ENV=prod")
	endpoint, _ := w.serve()
	served := w.python(pythonScript, "POUNCET_ENV=prod")
	backend, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	tls := httptest.NewTLSServer(httputil.NewSingleHostReverseProxy(backend))
	defer tls.Close()
	authority := filepath.Join(t.TempDir(), "authority.pem")
	write(t, authority, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: tls.Certificate().Raw})))
	if embedded.stdout != served.stdout {
		t.Errorf("embedded: %s\nserved:   %s", embedded.stdout, served.stdout)
	}
	if embedded.code != 0 || served.code != 0 || served.stderr != "" {
		t.Fatalf("embedded: %s\nserved: %s", embedded.stderr, served.stderr)
	}
	var got []any
	decode(t, served.stdout, &got)
	for i, want := range []any{
		dbPassword, canary + "-before", canary + "-before", pin, "db",
		[]any{[]any{"pin", pin}, []any{"db_password", dbPassword}}, map[string]any{},
		map[string]any{"pin": pin, "absent": nil}, "3", nil, "d",
		`MissingError: secret "pim" does not exist in environment "prod"; did you mean pin?`,
		`MissingError: secret "pin" does not exist in environment "dev"; it exists in prod`,
		`PouncetError: environment "nowhere" does not exist in project "default"`,
		`PouncetError: `,
		`PouncetError: secret "keystore" is not valid UTF-8; use get_secret_bytes`,
		`PouncetError: name must be a string, not int`,
		`MissingError: secret "pim" does not exist in environment "prod"; did you mean pin?`,
	} {
		text, isText := want.(string)
		switch {
		case want == nil:
		case isText && strings.Contains(text, "Error: "):
			if s, _ := got[i].(string); !strings.HasPrefix(s, text) || strings.Contains(s, canary) {
				t.Errorf("result %d: got %v, want %s", i, got[i], text)
			}
		case !reflect.DeepEqual(got[i], want):
			t.Errorf("result %d: got %v, want %v", i, got[i], want)
		}
	}
	if b := got[9].([]any); len(b) != 2+len(canary) || b[0] != 255. {
		t.Errorf("bytes: %v", b)
	}
	over := w.python(pythonScript, "POUNCET_ENV=prod", "POUNCET_ENDPOINT="+tls.URL, "POUNCET_CACERT="+authority)
	if over.stdout != served.stdout {
		t.Errorf("over TLS: %+v", over)
	}
	example := w.python(read(t, "python/example.py"))
	if example.code != 0 || !strings.Contains(example.stdout, " db ['db_password', 'pin'] 5432") {
		t.Errorf("example.py: %+v", example)
	}
}

// The errors of the helper show no token, and the token does not follow a redirect.
func TestPythonErrors(t *testing.T) {
	var stolen string
	attacker := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		stolen = r.Header.Get("Authorization")
	}))
	defer attacker.Close()
	redirects := httptest.NewServer(http.RedirectHandler(attacker.URL, http.StatusFound))
	defer redirects.Close()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"a": 1}`))
	}))
	defer other.Close()
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	defer untrusted.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + l.Addr().String()
	_ = l.Close()

	w := newTestBackend(t)
	const script = "import pouncet\npouncet.get_secret_value('pin', env='prod')"
	token := "POUNCET_TOKEN=" + canary
	for want, env := range map[string][]string{
		"must start with https://":   {token, "POUNCET_ENDPOINT=http://pouncet.example.org"},
		"check that the server runs": {token, "POUNCET_ENDPOINT=" + closed},
		"CERTIFICATE_VERIFY_FAILED":  {token, "POUNCET_ENDPOINT=" + untrusted.URL},
		"returned status 302":        {token, "POUNCET_ENDPOINT=" + redirects.URL},
		"is not a Pouncet server":    {token, "POUNCET_ENDPOINT=" + other.URL},
		"calling http://127":         {token + "\nX: " + canary, "POUNCET_ENDPOINT=" + other.URL},
		"POUNCET_CACERT is not a file of certificates": {
			token, "POUNCET_ENDPOINT=" + untrusted.URL, "POUNCET_CACERT=/nonexistent"},
		"does not exist; install it": {"POUNCET_BINARY=/nonexistent"},
		"returned an invalid result": {"POUNCET_BINARY=/bin/true"},
		"does not contain a backend": {"POUNCET_HOME=" + t.TempDir()},
	} {
		w.python(script, env...).fails(t, want)
	}
	w.python("import pouncet\npouncet.get_secret_value('pin')").fails(t,
		"an environment is required for \"pin\"; pass env= or set POUNCET_ENV")
	if stolen != "" {
		t.Error("the token followed a redirect")
	}
	endpoint, _ := w.serve()
	w.python(script, "POUNCET_ENDPOINT="+endpoint+"/", token).fails(t, "PouncetError: the token is not valid")
}

// TestPythonSyntax parses the helper with the syntax of the oldest supported Python.
func TestPythonSyntax(t *testing.T) {
	cmd := newTestBackend(t).command("", onPath(t, "python3"), "-c",
		"import ast, sys; ast.parse(sys.stdin.read(), feature_version=(3, 9))")
	in, err := os.Open("python/pouncet.py")
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	cmd.Stdin = in
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
