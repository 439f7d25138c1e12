// SPDX-License-Identifier: MPL-2.0

// Command hello does nothing: it is what a Go program costs at the least.
package main

import "os"

func main() { _, _ = os.Stdout.WriteString("hello\n") }
