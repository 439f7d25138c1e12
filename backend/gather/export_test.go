// SPDX-License-Identifier: MPL-2.0

package gather

// Waiting returns the number of dry runs that wait for the next request.
func (s *Service) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiting)
}
