// SPDX-License-Identifier: MPL-2.0

package bench

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"runtime/debug"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend/access"
	"github.com/pouncet/terraform-provider-pouncet/backend/audit"
	"github.com/pouncet/terraform-provider-pouncet/backend/engine"
	"github.com/pouncet/terraform-provider-pouncet/backend/httpapi"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
)

// BenchmarkServerPutsWithTheLog compares the puts of a server with the puts of a server that makes no audit records, of
// one client and of as many as in BenchmarkServer. Both are processes with the same secrets on SQLite, and get the same
// requests over HTTP. The aim is 1.1 at most, for many clients. BenchmarkPutsWithTheLog leaves out HTTP.
func BenchmarkServerPutsWithTheLog(b *testing.B) {
	token, hash := access.NewToken()
	plain, logged := newLogServer(b, hash, false), newLogServer(b, hash, true)
	costs := logCosts{map[int][]float64{}, map[int][]float64{}}
	for b.Loop() {
		for range serverRounds {
			for _, clients := range []int{1, serverClients} {
				rateWith, with := load(b, logged, token, clients, putOf)
				rateWithout, without := load(b, plain, token, clients, putOf)
				costs.add(clients, rateWithout/rateWith, with/without)
			}
		}
	}
	costs.report(b)
}

// The environment variables of a process that serves a backend with or without records of changes.
const (
	logAddress = "POUNCET_BENCH_LOG"
	logFolder  = "POUNCET_BENCH_LOG_FOLDER"
	logRecords = "POUNCET_BENCH_LOG_RECORDS" // "true" or "false"
)

// newLogServer starts a process that serves a new backend.
func newLogServer(b *testing.B, tokenHash []byte, records bool) server {
	b.Helper()
	folder, address := newLoadedFolder(b, 0, tokenHash), freeAddress(b)
	program := exec.Command(os.Args[0])
	program.Env = append(os.Environ(), logAddress+"="+address, logFolder+"="+folder, logRecords+"="+fmt.Sprint(records))
	return startProcess(b, program, address)
}

// serveWithLog serves the backend in a folder as `pouncet server` does, with or without records of changes. Neither
// records refusals and reads, because audit.Log would record the changes that the engine does not.
func serveWithLog(address, folder string, records bool) error {
	parts, err := open.Embedded(context.Background(), open.Config{Path: folder})
	if err != nil {
		return err
	}
	defer parts.Close()
	o := engine.Options{KMSKey: "file:kms.key", Authorizer: access.NewDirectory()}
	if records {
		o.Record = audit.NewChanges(nil)
	}
	debug.SetGCPercent(400) // as the command has
	logins := access.NewLogins(parts.Store, nil)
	service := access.Guard(engine.New(parts.Store, parts.Keys, o))
	return http.ListenAndServe(address, httpapi.NewServer(service, logins.Authenticate,
		httpapi.Options{Allow: access.Allow, Remembered: logins.Remembered, Begin: parts.Begin}))
}
