// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
)

// No answer of a server says in which folder its files are.
func TestErrorsNameNoFolders(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "data")
	failed := backend.Errorf(backend.CodeUnavailable, "database %s is locked", filepath.Join(folder, "pouncet.db")).
		WithHint("look at %s: end the process that uses it", folder)
	var reported []error
	report := func(err error) { reported = append(reported, err) }
	hidden := httpapi.NewPlaces(report, folder, filepath.Dir(folder), "/", "")
	s := &scripted{err: failed}
	login := func(context.Context, string, string) (out httpapi.LoginSession, who backend.Principal, err error) {
		return out, who, failed
	}
	ready := func(context.Context) error { return failed }
	handler := httpapi.NewServer(s, authenticate, httpapi.Options{Places: hidden, Login: login, Ready: ready})
	down := httpapi.NewServer(s, func(context.Context, string) (p backend.Principal, err error) { return p, failed },
		httpapi.Options{Places: hidden})
	for path, body := range map[string]string{"query": `{"kind":"project"}`, "resolve": `{"refs":[]}`,
		"apply": `{"changes":[]}`, "login": `{"trust":"t","token":"x"}`} {
		response := httptest.NewRecorder()
		handler.ServeHTTP(response, request(path, strings.NewReader(body)))
		wantNoFolder(t, path, response.Body.String())
	}
	response := httptest.NewRecorder()
	down.ServeHTTP(response, request("query", strings.NewReader(`{"kind":"project"}`)))
	wantNoFolder(t, "the check of a token", response.Body.String())
	response = httptest.NewRecorder()
	get := httptest.NewRequest("GET", "/readyz", nil)
	get.Header.Set("Authorization", "Bearer "+goodToken)
	handler.ServeHTTP(response, get)
	wantNoFolder(t, "readyz", response.Body.String())
	if !slices.Contains(reported, error(failed)) {
		t.Errorf("the log has %v", reported)
	}

	// Of one reference or change.
	s.err = nil
	s.resolved = []backend.Resolution{{Err: failed}}
	got, err := hidden.Service(s).Resolve(t.Context(), make([]backend.Ref, 1))
	if err != nil || !errors.Is(got[0].Err, backend.ErrUnavailable) {
		t.Fatalf("%v, %v", got, err)
	}
	wantNoFolder(t, "a reference", got[0].Err.Error())
}

func wantNoFolder(t *testing.T, of, text string) {
	t.Helper()
	if strings.Contains(text, string(filepath.Separator)) || !strings.Contains(text, "database pouncet.db is locked") ||
		!strings.Contains(text, "look at data: end") {
		t.Errorf("%s: %s", of, text)
	}
}
