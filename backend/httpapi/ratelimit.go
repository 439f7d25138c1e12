// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// RateLimit limits the requests of each principal. The zero RateLimit limits nothing.
type RateLimit struct {
	PerSecond float64
	Burst     int // requests that may come at once after a pause
}

// rateLimiter has a limiter for each principal that has made a request.
type rateLimiter struct {
	limit RateLimit
	mu    sync.Mutex
	of    map[string]*rate.Limiter
}

// maxLimiters is how many principals are remembered. A principal who is forgotten has the whole burst again.
const maxLimiters = 10_000

// wait returns how long a principal must wait before the request is allowed; 0 means that it is.
func (l *rateLimiter) wait(id string, now time.Time) time.Duration {
	if l.limit.PerSecond == 0 {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.of == nil || len(l.of) >= maxLimiters {
		l.of = map[string]*rate.Limiter{}
	}
	own := l.of[id]
	if own == nil {
		own = rate.NewLimiter(rate.Limit(l.limit.PerSecond), l.limit.Burst)
		l.of[id] = own
	}
	reserved := own.ReserveN(now, 1)
	delay := reserved.DelayFrom(now)
	if delay > 0 {
		reserved.CancelAt(now) // a refused request does not count
	}
	return delay
}

// seconds rounds a wait up, for the header Retry-After.
func seconds(wait time.Duration) int { return max(int(math.Ceil(wait.Seconds())), 1) }
