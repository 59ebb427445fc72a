package io.ashlar.vduse.bus;

import static org.assertj.core.api.Assertions.assertThat;

import io.ashlar.vduse.bus.GenericNetlink.Attribute;
import java.util.HexFormat;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

/** Messages against bytes laid out by hand from linux/netlink.h, linux/genetlink.h and linux/vdpa.h. */
class GenericNetlinkTest {
    private static byte[] hex(String text) {
        return HexFormat.of().parseHex(text.replace(" ", ""));
    }

    @Test
    void shouldAskForTheFamilyInTheKernelsLayout() {
        byte[] request = GenericNetlink.request(
                GenericNetlink.TYPE_CONTROL,
                GenericNetlink.CMD_GET_FAMILY,
                1,
                new Attribute(GenericNetlink.ATTR_FAMILY_NAME, "vdpa"));
        assertThat(request)
                .isEqualTo(hex(
                        "20000000 1000 0500 01000000 00000000" // length, type, REQUEST | ACK, sequence, port
                                + "03 01 0000" // command, version
                                + "0900 0200 7664706100 000000")); // length, type, "vdpa\0", padding
    }

    @Test
    void shouldPutBothNamesIntoARequestForANewDevice() {
        byte[] request = GenericNetlink.request(
                0x23,
                GenericNetlink.CMD_DEV_NEW,
                2,
                new Attribute(GenericNetlink.ATTR_DEV_NAME, "abc"),
                new Attribute(GenericNetlink.ATTR_MGMTDEV_NAME, "vduse"));
        assertThat(request)
                .isEqualTo(hex("28000000 2300 0500 02000000 00000000 03 01 0000"
                        + "0800 0400 61626300"
                        + "0a00 0200 766475736500 0000"));
    }

    @Test
    void shouldFindTheFamilyInTheControllersAnswer() {
        byte[] answer = hex("28000000 1000 0000 01000000 39300000 01 02 0000"
                + "0900 0200 7664706100 000000"
                + "0600 0100 2500 0000");
        assertThat(GenericNetlink.familyId(answer, answer.length)).isEqualTo(0x25);
        assertThat(GenericNetlink.familyId(answer, 20)).as("cut short").isEqualTo(-1);
        byte[] error = hex("24000000 0200 0000 01000000 39300000 feffffff 20000000 1000 0500 01000000 00000000");
        assertThat(GenericNetlink.familyId(error, error.length)).isEqualTo(-1);
    }

    @Test
    void shouldReturnTheErrorOfTheRequestAskedAbout() {
        byte[] data = hex("14000000 2500 0000 02000000 39300000 03010000");
        byte[] error = hex("24000000 0200 0000 02000000 39300000 efffffff 28000000 2500 0500 02000000 00000000");
        byte[] both = new byte[data.length + error.length];
        System.arraycopy(data, 0, both, 0, data.length);
        System.arraycopy(error, 0, both, data.length, error.length);
        assertThat(GenericNetlink.acknowledgement(both, both.length, 2)).isEqualTo(-17);
        assertThat(GenericNetlink.acknowledgement(both, both.length, 3)).isEqualTo(Integer.MAX_VALUE);
        assertThat(GenericNetlink.acknowledgement(both, data.length, 2)).isEqualTo(Integer.MAX_VALUE);
    }

    @Property
    void shouldEndOnAnythingThatIsNoMessage(@ForAll byte[] bytes) {
        int acknowledgement = GenericNetlink.acknowledgement(bytes, bytes.length, 2);
        int family = GenericNetlink.familyId(bytes, bytes.length);
        assertThat(family).isBetween(-1, 0xFFFF);
        assertThat(acknowledgement).isBetween(Integer.MIN_VALUE, Integer.MAX_VALUE);
    }
}
