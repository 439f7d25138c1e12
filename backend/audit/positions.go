// SPDX-License-Identifier: MPL-2.0

package audit

import (
	"encoding/base64"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/merkle"
	"github.com/pouncet/terraform-provider-pouncet/backend/store"
)

// A cursor says where each log goes on. Anybody can make one: it selects nothing that its caller may not read.

// maxCursor is the longest cursor, in bytes. A cursor over 1,000 projects has 150 kB.
const maxCursor = 16 << 20

// encodePositions returns a cursor. Without positions, the cursor is not an empty text either.
func encodePositions(at map[merkle.LogID]int64) string {
	texts := []string{"1"} // the form of the cursor
	for _, id := range slices.SortedFunc(maps.Keys(at), merkle.LogID.Compare) {
		texts = append(texts, string(id.Records)+":"+id.Log+":"+strconv.FormatInt(at[id], 10))
	}
	return base64.RawURLEncoding.EncodeToString([]byte(strings.Join(texts, " ")))
}

// decodePositions returns nil for the first page.
func decodePositions(cursor string) (map[merkle.LogID]int64, error) {
	if cursor == "" {
		return nil, nil
	}
	bad := backend.Errorf(backend.CodeInvalid, "the cursor is not valid").WithHint("start the listing again").At("cursor")
	if len(cursor) > maxCursor {
		return nil, bad
	}
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	texts := strings.Split(string(text), " ")
	if err != nil || texts[0] != "1" {
		return nil, bad
	}
	at := map[merkle.LogID]int64{}
	for _, t := range texts[1:] {
		kind, rest, _ := strings.Cut(t, ":")
		log, number, _ := strings.Cut(rest, ":")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || n < 0 {
			return nil, bad
		}
		at[merkle.LogID{Records: store.LogKind(kind), Log: log}] = n
	}
	return at, nil
}
