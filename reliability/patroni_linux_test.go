// SPDX-License-Identifier: MPL-2.0

package reliability

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// cluster is three database nodes under Patroni, which choose a primary with etcd.
type cluster struct {
	t     *testing.T
	nodes []*node
}

// node is a Patroni and its PostgreSQL. Everything that reaches it over the network goes through its links.
type node struct {
	name     string
	dir      string
	database string // address of PostgreSQL itself
	rest     string // address of Patroni itself
	links    struct{ database, rest, etcd *link }
	patroni  *exec.Cmd
}

// settings belong to a cluster that replaces its primary within seconds. docs/reliability.md shows them.
const settings = `
scope: pouncet
name: %[1]s
restapi:
  listen: %[2]s
  connect_address: %[3]s
etcd3:
  use_proxies: true
  hosts: %[4]s
bootstrap:
  dcs:
    ttl: 6
    loop_wait: 1
    retry_timeout: 2
    maximum_lag_on_failover: 1048576
    synchronous_mode: true
    postgresql:
      use_pg_rewind: true
      parameters:
        max_connections: 150
        shared_buffers: 32MB
        wal_log_hints: "on"
  initdb:
  - encoding: UTF8
  - locale: C.UTF-8
  - data-checksums
postgresql:
  listen: %[5]s
  connect_address: %[6]s
  data_dir: %[7]s/data
  bin_dir: %[8]s
  pgpass: %[7]s/pgpass
  basebackup:
  - checkpoint: fast
  authentication:
    replication: {username: replicator, password: replicator}
    superuser: {username: postgres, password: postgres}
  parameters:
    unix_socket_directories: %[7]s
  pg_hba:
  - local all all trust
  - host replication replicator 127.0.0.1/32 scram-sha-256
  - host all all 127.0.0.1/32 scram-sha-256
`

// needPrograms skips a test, with a message, if a program is missing.
func needPrograms(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is not installed: apt-get install patroni etcd-server haproxy postgresql", p)
		}
	}
}

// databaseUser is the user of the database nodes: PostgreSQL refuses to run as root.
func databaseUser(t *testing.T) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Skip("there is no user postgres: install postgresql")
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// postgresPrograms is the folder of the programs of PostgreSQL.
func postgresPrograms(t *testing.T) string {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(found) == 0 {
		t.Skip("PostgreSQL is not installed in /usr/lib/postgresql: apt-get install postgresql")
	}
	return filepath.Dir(found[len(found)-1])
}

// startCluster starts etcd and three nodes, and waits until two of them follow the third.
func startCluster(t *testing.T) *cluster {
	t.Helper()
	needPrograms(t, "patroni", "etcd")
	programs, owner := postgresPrograms(t), databaseUser(t)
	client, peer := freeAddress(t), freeAddress(t)
	startProcess(t, nil, "etcd", "--data-dir", filepath.Join(t.TempDir(), "etcd"), "--name", "etcd",
		"--listen-client-urls", "http://"+client, "--advertise-client-urls", "http://"+client,
		"--listen-peer-urls", "http://"+peer, "--initial-advertise-peer-urls", "http://"+peer,
		"--initial-cluster", "etcd=http://"+peer, "--logger", "zap", "--log-level", "warn")
	waitForEtcd(t, client)
	c := &cluster{t: t}
	for i := range 3 {
		dir, err := os.MkdirTemp("", "pouncet-node-") // short: the path of a socket has at most 107 bytes
		if err != nil {
			t.Fatal(err)
		}
		n := &node{name: fmt.Sprint("node", i), dir: dir, database: freeAddress(t), rest: freeAddress(t)}
		n.links.database, n.links.rest = newLink(t, n.database), newLink(t, n.rest)
		n.links.etcd = newLink(t, client)
		text := fmt.Sprintf(settings, n.name, n.rest, n.links.rest.address, n.links.etcd.address, n.database,
			n.links.database.address, dir, programs)
		if err := os.WriteFile(filepath.Join(dir, "patroni.yml"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if owner != nil {
			if err := os.Chown(dir, int(owner.Uid), int(owner.Gid)); err != nil {
				t.Fatal(err)
			}
		}
		c.nodes = append(c.nodes, n)
		t.Cleanup(func() {
			n.signal(syscall.SIGKILL)
			_ = os.RemoveAll(dir)
		})
		n.start(t)
	}
	c.waitHealthy()
	return c
}

// waitForEtcd waits until etcd has decided on the version of its cluster. Patroni ends if it finds none.
func waitForEtcd(t *testing.T, address string) {
	t.Helper()
	waitFor(t, clusterTime, func() error {
		r, err := http.Get("http://" + address + "/version")
		if err != nil {
			return err
		}
		defer r.Body.Close()
		var version struct {
			Cluster string `json:"etcdcluster"`
		}
		if err := json.NewDecoder(r.Body).Decode(&version); err != nil {
			return err
		}
		if version.Cluster == "" || version.Cluster == "not_decided" {
			return fmt.Errorf("etcd has the version %q", version.Cluster)
		}
		return nil
	})
}

// start starts Patroni, which starts PostgreSQL.
func (n *node) start(t *testing.T) {
	t.Helper()
	n.patroni = startProcess(t, databaseUser(t), "patroni", filepath.Join(n.dir, "patroni.yml"))
}

// startProcess starts a program that ends with the test. Its output is shown if the test fails.
func startProcess(t *testing.T, owner *syscall.Credential, name string, args ...string) *exec.Cmd {
	t.Helper()
	out := &output{}
	c := exec.CommandContext(context.WithoutCancel(t.Context()), name, args...)
	c.Dir = os.TempDir()
	c.Stdout, c.Stderr = out, out
	c.WaitDelay = time.Second // PostgreSQL keeps the output of Patroni open
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: owner}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
		if t.Failed() {
			t.Logf("%s %v:\n%s", name, args, out.last())
		}
	})
	return c
}

// signal sends a signal to Patroni, to PostgreSQL and to all its processes: the machine crashes, stands still or
// continues.
func (n *node) signal(s syscall.Signal) {
	_ = n.patroni.Process.Signal(s)
	var processes []int
	text, _ := os.ReadFile(filepath.Join(n.dir, "data", "postmaster.pid"))
	first, _, _ := strings.Cut(string(text), "\n")
	if postmaster, err := strconv.Atoi(first); err == nil {
		_ = syscall.Kill(postmaster, syscall.SIGSTOP) // so that it starts no further process meanwhile
		processes = append(children(postmaster), postmaster)
	}
	for _, pid := range processes {
		_ = syscall.Kill(pid, s)
	}
}

// children returns the processes that a process has started.
func children(parent int) (out []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		_, rest, ok := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest)
		if err != nil || !ok || len(fields) < 2 || fields[1] != strconv.Itoa(parent) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			out = append(out, pid)
		}
	}
	return out
}

// cut cuts a node off from the servers, the other nodes and etcd, or connects it again.
func (n *node) cut(cut bool) {
	for _, l := range []*link{n.links.database, n.links.rest, n.links.etcd} {
		l.cut(cut)
	}
}

// member is what Patroni says of a node.
type member struct{ Name, Role, State string }

// members asks the nodes, one after the other, for the state of the cluster.
func (c *cluster) members() []member {
	for _, n := range c.nodes {
		var out struct{ Members []member }
		client := http.Client{Timeout: 2 * time.Second}
		resp, err := client.Get("http://" + n.rest + "/cluster") //nolint:noctx // it has a timeout
		if err != nil {
			continue
		}
		err = json.NewDecoder(resp.Body).Decode(&out)
		_ = resp.Body.Close()
		if err == nil && len(out.Members) > 0 {
			return out.Members
		}
	}
	return nil
}

// primary returns the node that leads, or nil.
func (c *cluster) primary() *node {
	for _, m := range c.members() {
		for _, n := range c.nodes {
			if m.Role == "leader" && m.Name == n.name {
				return n
			}
		}
	}
	return nil
}

// waitHealthy waits until there are a primary, a synchronous standby and another standby.
func (c *cluster) waitHealthy() {
	c.t.Helper()
	var last []member
	began, again := time.Now(), map[string]bool{}
	waitFor(c.t, clusterTime, func() error {
		roles := map[string]int{}
		last = c.members()
		for _, m := range last {
			if m.State == "running" || m.State == "streaming" {
				roles[m.Role]++
			}
		}
		if roles["leader"] == 1 && roles["sync_standby"] == 1 && roles["replica"] == 1 {
			return nil
		}
		for _, n := range c.nodes {
			stuck := slices.ContainsFunc(last, func(m member) bool { return m.Name == n.name && m.State == "starting" })
			if stuck && !again[n.name] && time.Since(began) > 45*time.Second {
				again[n.name] = true
				n.reinitialise(c.t)
			}
		}
		return fmt.Errorf("the cluster is not healthy: %+v", last)
	})
}

// reinitialise makes a node copy the database again, as an administrator does with a standby that does not start: this
// version of Patroni does not always notice that a standby has more than its new primary.
func (n *node) reinitialise(t *testing.T) {
	t.Helper()
	t.Logf("%s does not start, and copies the database again", n.name)
	client := http.Client{Timeout: 10 * time.Second}
	resp, err := client.Post("http://"+n.rest+"/reinitialize", "application/json", //nolint:noctx // it has a timeout
		strings.NewReader(`{"force": true}`))
	if err != nil {
		t.Log(err)
		return
	}
	_ = resp.Body.Close()
}
