// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"net/http/httptest"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
)

// TestResolveOne also checks that an error gives its status to the response.
func TestResolveOne(t *testing.T) {
	found := func(v []byte, json bool) []backend.Resolution {
		return []backend.Resolution{{Value: backend.NewPlaintext(v), JSON: json, Secret: true, ID: "1", Environment: "prod",
			Scope: "project", Version: 2}}
	}
	refused := func(e *backend.Error) []backend.Resolution { return []backend.Resolution{{Err: e}} }
	for name, test := range map[string]struct {
		resolved []backend.Resolution
		status   int
		body     string
	}{
		"text": {found([]byte("a\"b"), false), 200,
			`{"value":"a\"b","value_base64":"YSJi","is_json":false,"id":"1","environment":"prod",` +
				`"scope":"project","version":2}`},
		"empty": {found(nil, false), 200,
			`{"value":"","value_base64":"","is_json":false,"id":"1","environment":"prod","scope":"project","version":2}`},
		"json": {found([]byte("{}"), true), 200,
			`{"value":"{}","value_base64":"e30=","is_json":true,"id":"1","environment":"prod","scope":"project","version":2}`},
		"bytes": {found([]byte{0xff}, false), 200,
			`{"value_base64":"/w==","is_json":false,"id":"1","environment":"prod","scope":"project","version":2}`},
		"missing": {refused(backend.Errorf(backend.CodeNotFound, "does not exist")), 404,
			`{"error":{"code":"not_found","message":"does not exist"}}`},
		"missing environment": {refused(backend.Errorf(backend.CodeNotFound, "does not exist").At("environment")),
			400,
			`{"error":{"code":"invalid","message":"does not exist","attribute":"environment"}}`},
		"denied": {refused(backend.Errorf(backend.CodeDenied, "no permission")), 403,
			`{"error":{"code":"denied","message":"no permission"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			service := &scripted{resolved: test.resolved}
			server := httptest.NewServer(httpapi.NewServer(service, authenticate, httpapi.Options{}))
			defer server.Close()
			status, body := post(t, server.URL+"/v1/resolve-one", goodToken, "application/json",
				`{"project":"default","environment":"prod","name":"db","field":"a","version":"1"}`)
			if status != test.status || body != test.body {
				t.Errorf("%d %s\nwant %d %s", status, body, test.status, test.body)
			}
			want := backend.Ref{Kind: backend.KindSecret, Project: "default", Environment: "prod", Name: "db", Field: "a",
				Version: "1"}
			if len(service.refs) != 1 || service.refs[0] != want {
				t.Errorf("resolved %v", service.refs)
			}
		})
	}
	server := httptest.NewServer(httpapi.NewServer(&scripted{}, authenticate, httpapi.Options{}))
	defer server.Close()
	for _, path := range []string{"/v1/resolve-one", "/v1/value"} { // earlier releases used the second path
		if status, _ := post(t, server.URL+path, goodToken, "application/json", `{"nothing":1}`); status != 400 {
			t.Errorf("%s with an unknown field: %d", path, status)
		}
	}
	if status, _ := post(t, server.URL+"/v1/resolve-one", "another", "application/json", `{}`); status != 401 {
		t.Errorf("with an unknown token: %d", status)
	}
}
