// SPDX-License-Identifier: MPL-2.0

// Package collector sends the traces of a server to the receiver of the OpenTelemetry Collector. It is a separate
// module, so that the collector is not a dependency of the program.
package collector
