// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os"
	"os/signal"
	"time"
)

// printSignals is a program that prints each signal that it gets. SIGINT, SIGTERM and SIGHUP do not end it. It ends
// after a minute, so that a lost signal leaves no process behind.
func printSignals() {
	time.AfterFunc(time.Minute, func() { os.Exit(exitFailure) })
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, passedOn...)
	fmt.Println("ready")
	for s := range signals {
		fmt.Println(s)
		if s == passedOn[len(passedOn)-1] {
			return
		}
	}
}
