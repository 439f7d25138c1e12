// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"strconv"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// WireVersion is the version of the wire format that this program speaks. It
// rises only when an older client would misread an answer, and by one. An added
// field is no new version: an older client ignores it, and an older server
// refuses a request that has it.
const WireVersion = 1

// versionHeader carries the version, in requests and in responses. A request
// without it is version 1, whose first clients did not send it.
const versionHeader = "Pouncet-Wire-Version"

// revealHeader is in a request whose references reveal values. It only chooses the error of a refusal.
const revealHeader = "Pouncet-Reveal"

// checkWireVersion refuses a request of a version that a server with the
// version own does not speak. It speaks its own and the previous one.
func checkWireVersion(own int, header string) *backend.Error {
	if header == "" {
		header = "1"
	}
	version, err := strconv.Atoi(header)
	switch {
	case err != nil || version < 1 || header[0] == '+':
		return backend.Errorf(backend.CodeInvalid, "wire version %s is not valid", backend.Quote(header)).
			WithHint("send a number in the header %s, or leave it out for version 1", versionHeader)
	case version > own:
		return backend.Errorf(backend.CodeInvalid, "the client speaks wire version %d and the server only %d", version, own).
			WithHint("upgrade the server")
	case version < own-1:
		return backend.Errorf(backend.CodeInvalid, "the client speaks wire version %d; the server speaks %d and %d", version,
			own-1, own).
			WithHint("upgrade pouncet and the provider on the client's side")
	}
	return nil
}
