package recall

import (
	"bytes"
	"fmt"
	"image"
	"os/exec"
	"strconv"

	"golang.org/x/image/webp"
)

// viaWebP encodes with the program cwebp: Go has a decoder only.
func viaWebP(program string, img *image.RGBA, quality int) (image.Image, error) {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	pixmap := bytes.NewBuffer(make([]byte, 0, 32+3*w*h))
	fmt.Fprintf(pixmap, "P6\n%d %d\n255\n", w, h)
	for i := 0; i < len(img.Pix); i += 4 {
		pixmap.Write(img.Pix[i : i+3])
	}
	var out, problem bytes.Buffer
	c := exec.Command(program, "-quiet", "-q", strconv.Itoa(quality), "-o", "-", "--", "-")
	c.Stdin, c.Stdout, c.Stderr = pixmap, &out, &problem
	if err := c.Run(); err != nil {
		return nil, fmt.Errorf("cwebp: %w: %.200s", err, problem.String())
	}
	return webp.Decode(&out)
}
