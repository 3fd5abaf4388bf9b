package org.retain4j.core.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ByteSizeTest {

    @ParameterizedTest
    @CsvSource({
        "5GB, 5000000000",
        "50gb, 50000000000",
        "5GiB, 5368709120",
        "500MB, 500000000",
        "' 80 KB ', 80000",
        "1.5kb, 1500",
        "1.0019KB, 1001",
        "1KiB, 1024",
        "2mib, 2097152",
        "3TB, 3000000000000",
        "1TiB, 1099511627776",
        "80000, 80000",
        "1, 1",
        "7B, 7",
        "9223372036854775807, 9223372036854775807"
    })
    void readsSizes(String text, long bytes) {
        assertThat(ByteSize.parse(text)).isEqualTo(bytes);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "GB",
                "5 apples",
                "5PB",
                "-1GB",
                "0",
                "0GB",
                "0.0001KB",
                "1e9",
                "1e999999999GB",
                "NaN",
                "5GBB",
                "9223372036854775808",
                "99999999999TB",
                "0x10",
                "٥GB",
                "5,5GB",
                ".5GB",
                "5GB\n5GB"
            })
    void refusesWhatIsNoSize(String text) {
        assertThatThrownBy(() -> ByteSize.parse(text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("is not a size", "5GB");
    }
}
