// SPDX-License-Identifier: MPL-2.0

package open_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres"
	"github.com/pouncet/terraform-provider-pouncet/backend/store/postgres/postgrestest"
)

// replicated is a server with a replica, and one without.
type replicated struct {
	t                *testing.T
	primary, standby *postgrestest.Server
	writer, reader   *open.Parts
	url, token       string // of the reader
	counts           *open.ReplicaCounts
}

func newReplicated(t *testing.T) *replicated {
	t.Helper()
	r := &replicated{t: t, primary: postgrestest.Start(t)}
	address := r.primary.URL("postgres")
	c := serverConfigOf(address, "file://"+filepath.ToSlash(filepath.Join(t.TempDir(), "kms.key")))
	r.writer, _ = server(t, c)
	r.token = adminToken(t, r.writer, "client")
	r.write("first")
	r.standby = r.primary.Replica(t)
	c.Database.Open = func(ctx context.Context) (open.SharedStore, error) {
		s, err := postgres.Open(ctx, address)
		if err != nil {
			return open.SharedStore{}, err
		}
		replica, err := s.Replica(ctx, r.standby.URL("postgres"))
		return open.SharedStore{Store: s, Reads: s.Reads(), Name: s.Name(), Replica: replica}, err
	}
	r.reader, _ = server(t, c)
	r.url = overHTTP(t, r.reader)
	r.counts = r.reader.Counters().Replica
	r.catchUp()
	r.want("", "first") // the first call of a token authenticates it on the primary
	return r
}

// write changes the value with the server that has no replica.
func (r *replicated) write(value string) {
	r.t.Helper()
	if err := set(r.t, r.writer.Engine, value); err != nil {
		r.t.Fatal(err)
	}
}

// catchUp waits until the replica has replayed everything.
func (r *replicated) catchUp() {
	r.t.Helper()
	written := r.text(r.primary, "SELECT pg_current_wal_lsn()::text")
	for r.text(r.standby, "SELECT (pg_last_wal_replay_lsn() >= '"+written+"')::text") != "true" {
		time.Sleep(time.Millisecond)
	}
	if err := open.LookAtReplica(r.t.Context(), r.reader, time.Now()); err != nil {
		r.t.Fatal(err)
	}
}

func (r *replicated) text(s *postgrestest.Server, query string) (text string) {
	r.t.Helper()
	conn, err := pgx.Connect(r.t.Context(), s.URL("postgres"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.Close(context.Background()) //nolint:errcheck // it has only read
	if err := conn.QueryRow(r.t.Context(), query).Scan(&text); err != nil {
		r.t.Fatal(err)
	}
	return text
}

// pause stops the replay of the replica.
func (r *replicated) pause() {
	r.t.Helper()
	r.standby.Exec(r.t, "postgres", "SELECT pg_wal_replay_pause()")
	for r.text(r.standby, "SELECT pg_get_wal_replay_pause_state()") != "paused" {
		time.Sleep(time.Millisecond)
	}
}

func (r *replicated) resume() {
	r.t.Helper()
	r.standby.Exec(r.t, "postgres", "SELECT pg_wal_replay_resume()")
	r.catchUp()
}

// want reads with a revision token.
func (r *replicated) want(revision, value string) {
	r.t.Helper()
	status, answered, text := post(r.t, r.url+"/v1/resolve-one", r.token, revision, getS)
	if status != http.StatusOK || !strings.Contains(text, `"value":"`+value+`"`) || answered == "" {
		r.t.Fatalf("status %d, token %q: %s; want %q", status, answered, text, value)
	}
}

// records counts the records of reads.
func (r *replicated) records() string {
	r.t.Helper()
	return r.text(r.primary, "SELECT count(*)::text FROM pouncet.read_record WHERE verb = 'resolve' AND code = 'ok'")
}

// counted checks how many calls had each outcome since the last time.
func (r *replicated) counted(served, behind, failed, changed int64) {
	r.t.Helper()
	c := r.counts
	got := [4]int64{c.Served.Swap(0), c.Behind.Swap(0), c.Failed.Swap(0), c.Changed.Swap(0)}
	if want := [4]int64{served, behind, failed, changed}; got != want {
		r.t.Errorf("served, behind, failed, changed: %v, want %v", got, want)
	}
}

func TestAReplicaAnswersReads(t *testing.T) {
	r := newReplicated(t)
	r.counted(1, 0, 0, 0)
	before := r.records()
	for range 3 {
		r.want("", "first")
	}
	status, _, text := post(t, r.url+"/v1/query", r.token, "", `{"kind":"secret","project":"default"}`)
	if status != http.StatusOK {
		t.Fatalf("status %d: %s", status, text)
	}
	r.counted(4, 0, 0, 0)
	if after := r.records(); after == before {
		t.Errorf("the primary has %s records, as before", after)
	}
	r.want("latest", "first")
	r.counted(0, 0, 0, 0)

	// With its replay paused, it still answers those who have not seen more.
	r.pause()
	_, newest, _ := post(t, overHTTP(t, r.writer)+"/v1/apply", r.token, "", setS)
	r.want("", "first")
	r.want(newest, "new")
	r.counted(1, 1, 0, 0)
	r.want("latest", "new")
	client := httpClient(t, r.url, r.token)
	if err := set(t, client, "by the client"); err != nil {
		t.Fatal(err)
	}
	if got, err := get(t, client); got != "by the client" || err != nil {
		t.Errorf("after a write, the same client read %q, %v", got, err)
	}
	r.counts.Behind.Store(0)
	r.resume()
	if got, err := get(t, client); got != "by the client" || err != nil {
		t.Errorf("after a write, the same client read %q, %v", got, err)
	}
	r.counted(1, 0, 0, 0)

	// An absent secret may exist on the primary, so the replica does not say that it is absent.
	if status, _, text := post(t, r.url+"/v1/resolve-one", r.token, "", absent); status != http.StatusNotFound {
		t.Errorf("status %d: %s", status, text)
	}
	r.counted(0, 0, 1, 0)
}

// A lagging replica never lets a revoked token in, and never honours a changed right, environment or type.
func TestARevokedTokenIsNotHonouredByAReplica(t *testing.T) {
	r := newReplicated(t)
	for _, call := range []struct{ path, body string }{
		{"/v1/resolve-one", getS}, {"/v1/resolve", `{"refs":[{"kind":"secret",` + getS[1:] + `]}`},
		{"/v1/query", `{"kind":"secret","project":"default"}`},
	} {
		token := adminToken(t, r.writer, "revoked")
		r.catchUp()
		for range 2 { // the second one is answered by the replica
			if status, _, text := post(t, r.url+call.path, token, "", call.body); status != http.StatusOK {
				t.Fatalf("%s: status %d: %s", call.path, status, text)
			}
		}
		r.pause()
		r.counts.Changed.Store(0)
		before := r.records()
		_, err := r.writer.Engine.Apply(t.Context(), backend.ChangeSet{Changes: []backend.Change{
			{Op: backend.OpDelete, Kind: backend.KindToken, Name: "revoked"},
		}})
		if err != nil {
			t.Fatal(err)
		}
		status, answered, text := post(t, r.url+call.path, token, "", call.body)
		if status != http.StatusUnauthorized || strings.Contains(text, "first") {
			t.Errorf("%s: status %d, token %q: %s", call.path, status, answered, text)
		}
		if n := r.counts.Changed.Load(); n != 1 {
			t.Errorf("%s: %d calls were run again, want 1", call.path, n)
		}
		if after := r.records(); after != before {
			t.Errorf("%s: the log says that the revoked token got a value", call.path)
		}
		r.resume()
	}
	r.pause()
	other := "other"
	page, err := r.writer.Engine.Query(t.Context(), backend.Query{Kind: backend.KindEnvironment,
		Project: backend.DefaultProject})
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.writer.Engine.Apply(t.Context(), backend.ChangeSet{Changes: []backend.Change{
		{Op: backend.OpUpdate, Kind: backend.KindEnvironment, ID: page.Objects[0].ID, Rename: &other},
	}})
	if err != nil {
		t.Fatal(err)
	}
	status, _, text := post(t, r.url+"/v1/resolve-one", r.token, "", getS)
	if status != http.StatusBadRequest || !strings.Contains(text, "does not exist in project") {
		t.Errorf("an environment that was renamed: status %d: %s", status, text)
	}
}

// A replica that is far behind, or down, is not used. The health says so, and the server stays ready.
func TestAReplicaThatLagsOrIsDownIsNotUsed(t *testing.T) {
	r := newReplicated(t)
	r.counted(1, 0, 0, 0)
	now := time.Now()
	look := func(after time.Duration, says string) {
		t.Helper()
		err := open.LookAtReplica(t.Context(), r.reader, now.Add(after))
		if says == "" && err == nil {
			return
		}
		if err == nil || says == "" || !strings.Contains(err.Error(), says) {
			t.Fatalf("the problem is %v, want %q", err, says)
		}
		problems, err := r.reader.Problems(t.Context())
		if err != nil || len(problems) != 1 || !strings.Contains(problems[0].Error(), says) {
			t.Errorf("the health has the problems %v, %v", problems, err)
		}
		if backend.AsError(problems[0]).Hint == "" {
			t.Errorf("%v has no hint", problems[0])
		}
	}
	r.pause()
	r.write("second")
	look(0, "")
	look(open.ReplicaLag-time.Second, "")
	r.want("", "first")
	look(open.ReplicaLag+time.Second, "behind")
	r.want("", "second")
	r.counted(1, 0, 0, 0)
	r.standby.Exec(t, "postgres", "SELECT pg_wal_replay_resume()")
	for open.LookAtReplica(t.Context(), r.reader, now.Add(2*open.ReplicaLag)) != nil {
		time.Sleep(time.Millisecond)
	}
	r.want("", "second")
	r.counted(1, 0, 0, 0)

	r.standby.Kill()
	r.want("", "second") // finds out
	r.want("", "second")
	r.counted(0, 0, 1, 0)
	look(3*open.ReplicaLag, "cannot be reached")
	if err := r.standby.Launch(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.catchUp()
	r.want("", "second")
	r.counted(1, 0, 0, 0)
}

// A server starts without its replica, and refuses the replica of another deployment.
func TestAServerStartsWithoutItsReplica(t *testing.T) {
	primary := postgrestest.Database(t)
	key := "file://" + filepath.ToSlash(filepath.Join(t.TempDir(), "kms.key"))
	_, _ = server(t, serverConfigOf(primary, key))
	foreign := postgrestest.Database(t)
	_, _ = server(t, serverConfigOf(foreign, "file://"+filepath.ToSlash(filepath.Join(t.TempDir(), "kms.key"))))
	for i, address := range []string{"postgres://someone@127.0.0.1:1/name", foreign, postgrestest.Database(t)} {
		c := serverConfigOf(primary, key)
		c.Database.Open = func(ctx context.Context) (open.SharedStore, error) {
			s, err := postgres.Open(ctx, primary)
			if err != nil {
				return open.SharedStore{}, err
			}
			replica, err := s.Replica(ctx, address)
			return open.SharedStore{Store: s, Reads: s.Reads(), Name: s.Name(), Replica: replica}, err
		}
		parts, _ := server(t, c)
		problems, err := parts.Problems(t.Context())
		if err != nil || len(problems) != 1 || !strings.Contains(problems[0].Error(), "the replica is not used") {
			t.Errorf("%s: the problems are %v, %v", address, problems, err)
		}
		if err := set(t, parts.Engine, "value"); err != nil {
			t.Error(err)
		}
		token := adminToken(t, parts, fmt.Sprint("client-", i))
		if status, _, text := post(t, overHTTP(t, parts)+"/v1/resolve-one", token, "", getS); status != http.StatusOK {
			t.Errorf("status %d: %s", status, text)
		}
	}
}

// The records of calls that a replica has answered are added only under their generation, also in a batch with others.
func TestARecordIsConfirmedInABatch(t *testing.T) {
	address := postgrestest.Database(t)
	parts, _ := server(t, serverConfigOf(address, "file://"+filepath.ToSlash(filepath.Join(t.TempDir(), "kms.key"))))
	var present []byte
	err := parts.Store.View(t.Context(), func(tx store.Tx) (err error) {
		present, err = tx.Generation(t.Context())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	results := make(chan error, 60)
	for i := range 60 {
		go func() {
			record := store.Record{Log: fmt.Sprint("log", i%2), At: time.Now(), Verb: "resolve", Code: "ok"}
			switch i % 3 {
			case 1:
				record.Confirm = &store.Confirmation{Generation: present}
			case 2:
				record.Confirm = &store.Confirmation{Generation: []byte("another")}
			}
			err := parts.Reads.AppendRecords(t.Context(), record, record)
			if (i%3 == 2) != errors.Is(err, store.ErrChanged) || i%3 != 2 && err != nil {
				results <- fmt.Errorf("record %d: %w", i, err)
				return
			}
			results <- nil
		}()
	}
	for range 60 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background()) //nolint:errcheck // it has only read
	var n, dense int
	err = conn.QueryRow(t.Context(), `SELECT count(*), (SELECT sum(next_number - 1) FROM pouncet.read_log)
		FROM pouncet.read_record`).Scan(&n, &dense)
	if err != nil || n != 80 || dense != 80 {
		t.Errorf("%d records, and the logs say %d: %v", n, dense, err)
	}
}

// Clients read what they have written, on any server, while the replica is behind again and again.
func TestClientsReadTheirOwnWritesWhileTheReplicaIsBehind(t *testing.T) {
	r := newReplicated(t)
	servers := []string{r.url, overHTTP(t, r.writer)}
	var next atomic.Int64
	balancer := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		to, err := url.Parse(servers[next.Add(1)%2])
		if err != nil {
			t.Error(err)
			return
		}
		p.SetURL(to)
	}})
	t.Cleanup(balancer.Close)
	done := make(chan error)
	const clients = 4
	for n := range clients {
		client := httpClient(t, balancer.URL, r.token)
		go func() { done <- writeAndRead(t.Context(), client, fmt.Sprint("s", n), 40) }()
	}
	for left := clients; left > 0; {
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			left--
		default:
			r.pause()
			r.standby.Exec(t, "postgres", "SELECT pg_wal_replay_resume()")
		}
	}
	c := r.counts
	t.Logf("served %d, behind %d, failed %d, changed %d", c.Served.Load(), c.Behind.Load(), c.Failed.Load(),
		c.Changed.Load())
	if c.Served.Load() == 0 || c.Behind.Load() == 0 {
		t.Error("the test shows nothing: the replica was always, or never, behind")
	}
}

// writeAndRead writes values of a secret, and reads each of them several times.
func writeAndRead(ctx context.Context, client backend.Service, name string, times int) error {
	for i := range times {
		value := fmt.Sprint("value ", i)
		_, err := client.Apply(ctx, backend.ChangeSet{Changes: []backend.Change{{Op: backend.OpSet, Kind: backend.KindSecret,
			Project: backend.DefaultProject, Environment: "dev", Name: name, Value: backend.PlaintextString(value)}}})
		if err != nil {
			return err
		}
		for range 4 {
			got, err := client.Resolve(ctx, []backend.Ref{{Kind: backend.KindSecret, Project: backend.DefaultProject,
				Environment: "dev", Name: name}})
			if err == nil && got[0].Err != nil {
				err = got[0].Err
			}
			if err != nil {
				return err
			}
			if read := string(got[0].Value.Expose()); read != value {
				return fmt.Errorf("after %q was written, %q is read", value, read)
			}
		}
	}
	return nil
}
