// SPDX-License-Identifier: MPL-2.0

// Command hello only prints a word. It measures the least time that a Go program takes.
package main

import "os"

func main() { _, _ = os.Stdout.WriteString("hello\n") }
