// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// compares makes a dry run, which has a record among the reads of the project.
func compares(t *testing.T, parts *open.Parts, text string) error {
	t.Helper()
	admin := backend.WithPrincipal(t.Context(), backend.Principal{Name: "test", Role: backend.RoleAdmin})
	_, err := parts.Audited(nil).Apply(admin, backend.ChangeSet{DryRun: true, Changes: []backend.Change{{Op: backend.OpSet,
		Kind: backend.KindEnvironment, Project: backend.DefaultProject, Name: "dev", Description: &text}}})
	return err
}

// embeddedIn opens a backend as another process would.
func (f *forgery) embeddedIn(t *testing.T) *open.Parts {
	t.Helper()
	parts, err := open.Embedded(t.Context(), open.Config{Path: f.folder})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = parts.Close() })
	return parts
}

// TestAnAcceptedLogGoesOnInARunningServer accepts a log while a server runs that has met the log before.
func TestAnAcceptedLogGoesOnInARunningServer(t *testing.T) {
	f := newForgery(t)
	f.work(t, 3)
	server := f.embeddedIn(t)
	if err := compares(t, server, "x"); err != nil {
		t.Fatal(err)
	}
	if !f.forgeIn(t, readsName, `DELETE FROM read_record WHERE number = 2 AND log <> ''`) {
		t.Fatal("nothing was removed")
	}
	owner := f.embeddedIn(t)
	_, logs, err := owner.VerifyLogs(t.Context(), nil)
	if err != nil || len(logs) == 0 {
		t.Fatal(logs, err)
	}
	if _, err := owner.Accept(t.Context(), logs); err != nil {
		t.Fatal(err)
	}
	for n := range 2 {
		if err := compares(t, server, fmt.Sprint(n)); err != nil {
			t.Errorf("call %d after the acceptance: %v", n+1, err)
		}
	}
}

// TestARemovedLogIsRefusedByCallsAtOnce removes a log below a running server, which then has several calls at once.
func TestARemovedLogIsRefusedByCallsAtOnce(t *testing.T) {
	f := newForgery(t)
	f.work(t, 3)
	server := f.embeddedIn(t)
	if err := compares(t, server, "x"); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"read_log", "read_record", "read_tile"} {
		f.forgeIn(t, readsName, "DELETE FROM "+table+" WHERE log <> ''")
	}
	var wg sync.WaitGroup
	var errs [8]error
	for i := range errs {
		wg.Go(func() { errs[i] = compares(t, server, fmt.Sprint(i)) })
	}
	wg.Wait()
	for _, err := range errs {
		if err == nil || !strings.Contains(err.Error(), "removed outside Pouncet") {
			t.Errorf("a call gives %v", err)
		}
	}
	if err := compares(t, server, "later"); err == nil {
		t.Error("a later call begins the log again")
	}
}
