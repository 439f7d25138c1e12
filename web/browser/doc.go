// SPDX-License-Identifier: MPL-2.0

// Package browser tests the dashboard with a real Chromium, as a person uses it. It is a separate module, so that
// users do not get its dependencies. The browser is the program chromium on PATH.
package browser
