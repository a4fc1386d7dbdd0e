#include <stdio.h>
#include <string.h>

#include <qrencode.h>

#include "check/qr.h"


/* of white around it, in modules */
#define AF_QR_MARGIN  4

/* of one step of the pen, with the terminating zero */
#define AF_QR_STEP  32


static void af_qr_row(const unsigned char *row, int width, int y,
    af_buffer_t *out);


int
af_qr_svg(const char *text, af_buffer_t *out)
{
    int      y, size;
    char     head[256];
    QRcode  *code;

    code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);

    if (code == NULL) {
        return -1;
    }

    size = code->width + 2 * AF_QR_MARGIN;

    (void) snprintf(head, sizeof(head),
                    "<svg xmlns=\"http://www.w3.org/2000/svg\" "
                    "viewBox=\"0 0 %d %d\" shape-rendering=\"crispEdges\">"
                    "<path fill=\"#fff\" d=\"M0 0h%dv%dH0z\"/>"
                    "<path stroke=\"#000\" d=\"", size, size, size, size);
    af_buffer_puts(out, head);

    for (y = 0; y < code->width; y++) {
        af_qr_row(code->data + y * code->width, code->width, y, out);
    }

    af_buffer_puts(out, "\"/></svg>");
    QRcode_free(code);

    return out->failed ? -1 : 0;
}


/* a line for each run of dark modules, in the middle of the row */

static void
af_qr_row(const unsigned char *row, int width, int y, af_buffer_t *out)
{
    int   x, run, pen;
    char  step[AF_QR_STEP];

    (void) snprintf(step, sizeof(step), "M%d %d.5", AF_QR_MARGIN,
                    y + AF_QR_MARGIN);
    af_buffer_puts(out, step);

    pen = 0;

    for (x = 0; x < width; x += run) {

        for (run = 1; x + run < width
                      && (row[x + run] & 1) == (row[x] & 1); run++) {
            /* void */
        }

        if ((row[x] & 1) == 0) {
            continue;
        }

        if (x > pen) {
            (void) snprintf(step, sizeof(step), "m%d 0", x - pen);
            af_buffer_puts(out, step);
        }

        (void) snprintf(step, sizeof(step), "h%d", run);
        af_buffer_puts(out, step);

        pen = x + run;
    }
}
