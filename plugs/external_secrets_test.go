// SPDX-License-Identifier: MPL-2.0

package plugs_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"github.com/PaesslerAG/jsonpath"
)

// webhookStore is what the webhook provider of External Secrets reads of a SecretStore.
type webhookStore struct {
	URL, Method, Body string
	Headers           map[string]string
	Result            struct{ JSONPath string }
	Secrets           []struct {
		Name      string
		SecretRef struct{ Name string }
	}
}

type remoteRef struct{ Key, Property, Version string }

// errNoSecret is what the operator makes of a 404: the secret was deleted.
var errNoSecret = errors.New("no such secret")

// get does what the provider does: it fills the templates with remoteRef and
// the store's own secrets, calls, and applies the JSONPath.
func (s webhookStore) get(t *testing.T, endpoint, token string, ref remoteRef) (string, error) {
	t.Helper()
	data := map[string]map[string]string{"remoteRef": {"key": ref.Key, "property": ref.Property, "version": ref.Version}}
	for _, secret := range s.Secrets {
		data[secret.Name] = map[string]string{"token": token + "\n"} // as a file often ends
	}
	fill := func(text string) string {
		functions := sprig.TxtFuncMap()
		delete(functions, "env")
		delete(functions, "expandenv")
		parsed, err := template.New("webhook").Funcs(functions).Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		if err := parsed.Execute(&out, data); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	url := strings.Replace(fill(s.URL), "https://pouncet.example.org", endpoint, 1)
	request, err := http.NewRequest(s.Method, url, strings.NewReader(fill(s.Body)))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(url, endpoint) || strings.Contains(url, ref.Key) {
		t.Errorf("the URL is %s", url)
	}
	for name, value := range s.Headers {
		request.Header.Add(name, fill(value))
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case response.StatusCode == http.StatusNotFound:
		return "", errNoSecret
	case response.StatusCode != http.StatusOK:
		return "", fmt.Errorf("endpoint gave error %s: %s", response.Status, body)
	}
	var answer any
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatal(err)
	}
	found, err := jsonpath.Get(s.Result.JSONPath, answer)
	if err != nil {
		return "", err
	}
	return found.(string), nil
}

// TestExternalSecrets fills the templates of the examples as the operator
// does, and asks a real server.
func TestExternalSecrets(t *testing.T) {
	w := newWorld(t)
	endpoint, token := w.serve()
	var store struct {
		Kind     string
		Metadata struct{ Name string }
		Spec     struct {
			Provider struct{ Webhook webhookStore }
		}
	}
	decode(t, read(t, "external-secrets/store.yaml"), &store)
	var external struct {
		Spec struct {
			SecretStoreRef struct{ Name, Kind string }
			Data           []struct {
				SecretKey string
				RemoteRef remoteRef
			}
			DataFrom []struct{ Extract remoteRef }
		}
	}
	decode(t, read(t, "external-secrets/external-secret.yaml"), &external)
	if r := external.Spec.SecretStoreRef; r.Name != store.Metadata.Name || r.Kind != store.Kind {
		t.Errorf("the ExternalSecret refers to %v", r)
	}
	webhook := store.Spec.Provider.Webhook

	got := map[string]string{}
	for _, d := range external.Spec.Data {
		value, err := webhook.get(t, endpoint, token, d.RemoteRef)
		if err != nil {
			t.Errorf("%s: %v", d.SecretKey, err)
		}
		got[d.SecretKey] = value
	}
	for key, want := range map[string]string{"PASSWORD": dbPassword, "HOST": "db", "PREVIOUS_PASSWORD": canary + "-before"} {
		if got[key] != want {
			t.Errorf("%s is %q, not %q", key, got[key], want)
		}
	}
	// extract takes text that the path leads to for JSON.
	value, err := webhook.get(t, endpoint, token, external.Spec.DataFrom[0].Extract)
	fields := map[string]any{}
	if err := errors.Join(err, json.Unmarshal([]byte(value), &fields)); err != nil || fields["host"] != "db" || fields["username"] != "loader" {
		t.Errorf("extract gives %v: %v", fields, err)
	}

	// With decodingStrategy Base64 bytes come through too.
	binary := webhook
	binary.Result.JSONPath = "$.value_base64"
	if value, err := binary.get(t, endpoint, token, remoteRef{Key: "keystore"}); err != nil || value != "//5DQU5BUlk=" {
		t.Errorf("bytes: %q, %v", value, err)
	}

	if _, err := webhook.get(t, endpoint, token, remoteRef{Key: "absent"}); !errors.Is(err, errNoSecret) {
		t.Errorf("a missing secret: %v", err)
	}
	// A mistaken environment must not pass for a deleted secret.
	mistaken := webhook
	mistaken.Body = strings.Replace(webhook.Body, `"prod"`, `"pord"`, 1)
	if _, err := mistaken.get(t, endpoint, token, remoteRef{Key: "db_password"}); err == nil || !strings.Contains(err.Error(), "400 Bad Request") {
		t.Errorf("a mistaken environment: %v", err)
	}
	if _, err := webhook.get(t, endpoint, "another", remoteRef{Key: "db_password"}); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("a token that is none: %v", err)
	}
	// A key cannot become more than a name.
	if _, err := webhook.get(t, endpoint, token, remoteRef{Key: `x", "environment": "dev`}); err == nil || strings.Contains(err.Error(), "200") {
		t.Errorf("a key with quotes: %v", err)
	}
}
