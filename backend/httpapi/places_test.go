// SPDX-License-Identifier: MPL-2.0

package httpapi_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
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
	s.outcomes = []backend.Outcome{{Parts: []backend.Part{{Err: failed}}}}
	out, err := hidden.Service(s).Apply(t.Context(), backend.ChangeSet{})
	if err != nil || !errors.Is(out[0].Parts[0].Err, backend.ErrUnavailable) {
		t.Fatalf("%v, %v", out, err)
	}
	wantNoFolder(t, "a change of a draft", out[0].Parts[0].Err.Error())
}

// Each name of a folder is hidden, not only the first.
func TestFoldersAreHiddenEverywhere(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "data")
	err := backend.Errorf(backend.CodeUnavailable, "%s-2 is not %s, and %s is in use", folder, folder, folder)
	want := folder + "-2 is not data, and data is in use"
	if got := httpapi.NewPlaces(func(error) {}, folder).Hide(err); backend.AsError(got).Message != want {
		t.Errorf("%v", got)
	}
}

// No answer of a server says to which hosts it connects. Its log does.
func TestErrorsNameNoHosts(t *testing.T) {
	const database = "db-1.internal:5432,db-2.internal:5432/shop"
	refused := &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.IPv4(10, 1, 2, 3), Port: 443},
		Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	unknown := &net.OpError{Op: "dial", Net: "tcp",
		Err: &net.DNSError{Err: "no such host", Name: "kms.internal", IsNotFound: true}}
	unanswered := &net.OpError{Op: "dial", Net: "tcp",
		Err: &net.DNSError{Err: "read udp 10.1.2.4:9->10.1.2.5:53: connection refused", Name: "kms.internal"}}
	untrusted := &tls.CertificateVerificationError{Err: errors.New("valid for kms.internal, not for other.internal")}
	quoting := func(cause error) error {
		e := backend.Errorf(backend.CodeUnavailable, "KMS key k cannot be reached: %s", cause.Error())
		e.Err = errors.Join(errors.New("attempts failed"), cause)
		return e
	}
	odd := &net.OpError{Op: "dial", Net: "tcp", Addr: refused.Addr, Err: errors.New("10.1.2.3 is odd")}
	for want, err := range map[string]error{
		"database shop is locked": backend.Errorf(backend.CodeUnavailable, "database %s is locked", database),
		"KMS key k cannot be reached: dial: connect: " + syscall.ECONNREFUSED.Error(): quoting(refused),
		"KMS key k cannot be reached: dial: no such host":                             quoting(unknown),
		"KMS key k cannot be reached: dial: the name server does not answer":          quoting(unanswered),
		"KMS key k cannot be reached: its certificate is not valid":                   quoting(untrusted),
		"KMS key k cannot be reached: dial: it failed":                                quoting(odd),
		`KMS keys aws-kms:///a?endpoint=… and "aws-kms:///b?region=r&endpoint=…": no`: backend.Errorf(
			backend.CodeUnavailable, `KMS keys aws-kms:///a?%%65ndpoint=https%%3A%%2F%%2Fkms.internal and `+
				`"aws-kms:///b?region=r&endpoint=http://kms.internal:80": no`),
		"KMS key aws-kms:///alias/c?endpoint=…: the response of https://… is incomplete": backend.Errorf(
			backend.CodeUnavailable, "KMS key aws-kms:///alias/c?endpoint=https://kms.internal: "+
				"the response of https://… is incomplete"),
	} {
		var reported error
		hidden := httpapi.NewPlaces(func(err error) { reported = err })
		hidden.Rename(database, "shop")
		if got := hidden.Hide(err); backend.AsError(got).Message != want || !errors.Is(got, backend.ErrUnavailable) {
			t.Errorf("%v, want %s", got, want)
		}
		if reported != err {
			t.Errorf("the log has %v, want %v", reported, err)
		}
	}
}

func wantNoFolder(t *testing.T, of, text string) {
	t.Helper()
	if strings.Contains(text, string(filepath.Separator)) || !strings.Contains(text, "database pouncet.db is locked") ||
		!strings.Contains(text, "look at data: end") {
		t.Errorf("%s: %s", of, text)
	}
}
