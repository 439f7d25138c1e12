// SPDX-License-Identifier: MPL-2.0

package bench

import (
	"context"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"runtime/debug"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/provider/acctest"
)

// BenchmarkHistory lists the 10,000 versions of one secret, page by page, on the embedded backend and over HTTP. It
// collects garbage as rarely as the programs do: see package gcpercent.
func BenchmarkHistory(b *testing.B) {
	const versions = 10_000
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	c := open.Config{Path: filepath.Join(b.TempDir(), "data")}
	if _, err := open.Init(b.Context(), c); err != nil {
		b.Fatal(err)
	}
	local, err := open.Open(b.Context(), c)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = local.Close() }) // nothing is read afterwards
	createSecrets(b, local, 1)
	place := backend.Change{Op: backend.OpUpdate, Kind: backend.KindSecret, Project: backend.DefaultProject,
		Environment: "prod", Name: "s0"}
	for n := 2; n <= versions; {
		var set backend.ChangeSet
		for ; n <= versions && len(set.Changes) < 1_000; n++ {
			change, note := place, fmt.Sprint("rotation ", n)
			change.Value, change.Note = backend.PlaintextString(fmt.Sprint("value ", n)), &note
			set.Changes = append(set.Changes, change)
		}
		if _, err := local.Apply(b.Context(), set); err != nil {
			b.Fatal(err)
		}
	}
	handler, token := acctest.Serve(b, c.Path)
	server := httptest.NewServer(handler)
	b.Cleanup(server.Close)
	remote, err := httpapi.NewClient(httpapi.ClientOptions{Endpoint: server.URL, Token: token})
	if err != nil {
		b.Fatal(err)
	}
	for name, service := range map[string]backend.Service{"embedded": local, "http": remote} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if n := historyOf(b, service); n != versions {
					b.Fatalf("%d versions are listed, want %d", n, versions)
				}
			}
		})
	}
}

// historyOf returns the number of versions of the secret, after checking their order.
func historyOf(b *testing.B, service backend.Service) (n int64) {
	b.Helper()
	q := backend.Query{Kind: backend.KindVersion, Project: backend.DefaultProject, Environment: "prod", Name: "s0"}
	last := int64(0)
	for {
		page, err := service.Query(context.Background(), q)
		if err != nil {
			b.Fatal(err)
		}
		for _, o := range page.Objects {
			if last != 0 && o.Version != last-1 {
				b.Fatalf("version %d follows version %d", o.Version, last)
			}
			last = o.Version
			n++
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return n
		}
	}
}
