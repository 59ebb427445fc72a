package io.ashlar.cli;

import io.ashlar.base.annotation.ConfinedTo;
import io.ashlar.base.annotation.LoopKind;
import io.ashlar.protocol.message.AdminRequest;
import io.ashlar.protocol.message.ListVolumes;
import io.ashlar.protocol.message.VolumeInfo;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code ashlar volume list}. */
@ConfinedTo(LoopKind.OWNER)
@Command(name = "list", aliases = "ls", description = "List the volumes of a node.", mixinStandardHelpOptions = true)
final class VolumeList implements Runnable {
    private static final List<String> COLUMNS = List.of("name", "size", "stored", "blockSize", "heldBy");

    @Mixin
    private ServerOption server;

    @Mixin
    private Output output;

    @Override
    public void run() {
        List<Map<String, Object>> rows = new ArrayList<>();
        String after = "";
        boolean more = true;
        while (more) {
            ListVolumes command = ListVolumes.newBuilder().setAfter(after).build();
            io.ashlar.protocol.message.VolumeList page = Node.ask(
                            server,
                            AdminRequest.newBuilder().setListVolumes(command).build())
                    .getListVolumes();
            for (VolumeInfo volume : page.getVolumesList()) {
                rows.add(output.isJson() ? VolumeView.all(volume) : VolumeView.row(volume));
                after = volume.getName();
            }
            more = page.getMore() && page.getVolumesCount() > 0;
        }
        output.table(rows, COLUMNS);
    }
}
