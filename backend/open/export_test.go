// SPDX-License-Identifier: MPL-2.0

package open

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend/store/transfer"
)

// At returns c for a server that starts at another time.
func At(c ServerConfig, at time.Time) ServerConfig {
	c.now = func() time.Time { return at }
	return c
}

// RunAs makes the rest of a test run as another user, as far as the owner of a folder is concerned.
func RunAs(t *testing.T, user int) {
	effectiveUser = func() int { return user }
	t.Cleanup(func() { effectiveUser = os.Geteuid })
}

// TargetFolder is targetFolder with settings that name no key.
func TargetFolder(ctx context.Context, folder, deployment string, create bool) (transfer.Target, error) {
	return targetFolder(ctx, folder, deployment, settings{}, create)
}

// LookAtReplica makes a server look at its replica at a time.
func LookAtReplica(ctx context.Context, p *Parts, at time.Time) error {
	p.replica.look(ctx, at)
	return p.replica.Problem()
}

// ReplicaLag is how far a replica may be behind.
const ReplicaLag = replicaLag
