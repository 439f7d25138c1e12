#!/bin/sh
# SPDX-License-Identifier: MPL-2.0
# Helm 4 does not show what a post-renderer writes to standard error. On Linux, this
# script writes errors to the standard error of Helm instead.
stderr=/proc/$PPID/fd/2
if (: 2>> "$stderr") 2> /dev/null; then
  exec pouncet render - "$@" 2>> "$stderr"
fi
exec pouncet render - "$@"
