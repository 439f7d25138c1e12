// SPDX-License-Identifier: MPL-2.0

package operator_test

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

// webhookStore holds the fields of a SecretStore that the operator's webhook provider uses.
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

// errNoSecret is the provider's error for status 404. It means that the secret was deleted.
var errNoSecret = errors.New("no such secret")

// get reads one secret as the provider does: it fills the templates with
// remoteRef and the store's secrets, sends the request, and applies the JSONPath.
func (s webhookStore) get(t *testing.T, endpoint, token string, ref remoteRef) (string, error) {
	t.Helper()
	data := map[string]map[string]string{"remoteRef": {"key": ref.Key, "property": ref.Property, "version": ref.Version}}
	for _, secret := range s.Secrets {
		data[secret.Name] = map[string]string{"token": token + "\n"} // a secret made from a file often ends with a newline
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
	value, err := jsonpath.Get(s.Result.JSONPath, answer)
	if err != nil {
		return "", err
	}
	return value.(string), nil
}

// TestExternalSecrets fills the templates of the example as the operator does,
// and sends the requests to a real server.
func TestExternalSecrets(t *testing.T) {
	endpoint, token := serve(t)
	var store struct {
		Kind     string
		Metadata struct{ Name string }
		Spec     struct {
			Provider struct{ Webhook webhookStore }
		}
	}
	decode(t, "store.yaml", &store)
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
	decode(t, "external-secret.yaml", &external)
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
	wants := map[string]string{"PASSWORD": dbPassword, "HOST": "db", "PREVIOUS_PASSWORD": canary + "-before"}
	for key, want := range wants {
		if got[key] != want {
			t.Errorf("%s is %q, not %q", key, got[key], want)
		}
	}
	// extract parses the text at the path as JSON.
	value, err := webhook.get(t, endpoint, token, external.Spec.DataFrom[0].Extract)
	fields := map[string]any{}
	err = errors.Join(err, json.Unmarshal([]byte(value), &fields))
	if err != nil || fields["host"] != "db" || fields["username"] != "loader" {
		t.Errorf("extract gives %v: %v", fields, err)
	}

	// With decodingStrategy Base64, values that are not text work too.
	binary := webhook
	binary.Result.JSONPath = "$.value_base64"
	if value, err := binary.get(t, endpoint, token, remoteRef{Key: "keystore"}); err != nil || value != "//5DQU5BUlk=" {
		t.Errorf("bytes: %q, %v", value, err)
	}

	if _, err := webhook.get(t, endpoint, token, remoteRef{Key: "absent"}); !errors.Is(err, errNoSecret) {
		t.Errorf("a missing secret: %v", err)
	}
	// The operator must not take a wrong environment for a deleted secret.
	wrong := webhook
	wrong.Body = strings.Replace(webhook.Body, `"prod"`, `"pord"`, 1)
	_, err = wrong.get(t, endpoint, token, remoteRef{Key: "db_password"})
	if err == nil || !strings.Contains(err.Error(), "400 Bad Request") {
		t.Errorf("a wrong environment: %v", err)
	}
	_, err = webhook.get(t, endpoint, "another", remoteRef{Key: "db_password"})
	if err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("an invalid token: %v", err)
	}
	// A key cannot add fields to the request.
	_, err = webhook.get(t, endpoint, token, remoteRef{Key: `x", "environment": "dev`})
	if err == nil || strings.Contains(err.Error(), "200") {
		t.Errorf("a key with quotes: %v", err)
	}
}
