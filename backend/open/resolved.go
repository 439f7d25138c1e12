// SPDX-License-Identifier: MPL-2.0

package open

import (
	"context"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// forgetTime limits the time for deleting the notes of secrets after the change that deleted them.
const forgetTime = 5 * time.Second

// forget returns what deletes the notes of secrets that were deleted for good. The change is made by then, so a failure
// changes nothing: no answer shows a note of a secret that does not exist.
func forget(notes store.ResolvedNotes) func(ctx context.Context, project string, secrets []string) {
	return func(ctx context.Context, project string, secrets []string) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), forgetTime)
		defer cancel()
		_ = notes.ForgetResolved(ctx, project, secrets)
	}
}
