package load

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of Linux's accounting of processor time (USER_HZ).
const tick = 10 * time.Millisecond

var errProc = errors.New("processor time is read from Linux's /proc, which is not here")

// used returns the processor time of a process so far; process is its number or "self".
func used(process string) (time.Duration, error) {
	b, err := os.ReadFile("/proc/" + process + "/stat")
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errProc, err)
	}
	// pid (name) state … : the name may hold anything; utime and stime are the 12th and 13th field after it.
	text := string(b)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 13 {
		return 0, errProc
	}
	return ticks(fields[11:13])
}

// busy returns the time that all processors together have been busy for.
func busy() (time.Duration, error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("%w: %w", errProc, err)
	}
	line, _, _ := strings.Cut(string(b), "\n")
	fields := strings.Fields(line)
	if len(fields) < 8 || fields[0] != "cpu" {
		return 0, errProc
	}
	// user nice system idle iowait irq softirq
	return ticks(append(fields[1:4:4], fields[6:8]...))
}

func ticks(fields []string) (time.Duration, error) {
	total := time.Duration(0)
	for _, f := range fields {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0, errProc
		}
		total += time.Duration(n) * tick
	}
	return total, nil
}
