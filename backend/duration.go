// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// maxDays is the largest number of days in a time.Duration.
const maxDays = int64(1<<63-1) / int64(day)

// ParseDuration parses a duration as time.ParseDuration does, which can begin with a number of days: 30d, 1d12h, 90m. A
// day has 24 hours. Its error matches ErrInvalid.
func ParseDuration(text string) (time.Duration, error) {
	days, rest, hasDays := strings.Cut(text, "d")
	if !hasDays {
		days, rest = "", text
	}
	var total time.Duration
	if hasDays {
		n, err := strconv.ParseUint(days, 10, 32)
		if err != nil || int64(n) >= maxDays {
			return 0, errDuration(text)
		}
		total = time.Duration(n) * day
		if rest == "" {
			return total, nil
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil || hasDays && (d < 0 || d >= day || strings.HasPrefix(rest, "+")) {
		return 0, errDuration(text)
	}
	return total + d, nil
}

func errDuration(text string) *Error {
	return Errorf(CodeInvalid, "%s is not a valid duration", Quote(text)).WithHint("write 30d, 12h or 90m, for example")
}
