// SPDX-License-Identifier: MPL-2.0

package open_test

import "testing"

// A replica that answers nothing, because its machine stands still, delays a call and makes none fail.
func TestAReplicaThatStandsStillDelaysOneCall(t *testing.T) {
	r := newReplicated(t)
	r.counted(1, 0, 0, 0)
	r.standby.Pause(t)
	for range 3 {
		r.want("", "first")
	}
	r.standby.Continue(t)
	r.counted(0, 0, 1, 0) // the others did not ask it
	r.catchUp()
	r.want("", "first")
	r.counted(1, 0, 0, 0)
}
